import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The backend allows this one origin, so another port would not do.
  server: { port: 5173, strictPort: true },
});
