// The page asks under its own address, and Vite hands it on.
const backend = process.env.BACKEND_URL ?? "http://localhost:8001";

export default {
  server: { proxy: { "/api": { target: backend, rewrite: (path) => path.replace(/^\/api/, "") } } },
};
