// The page sends requests to its own origin, and Vite forwards them.
const backend = process.env.BACKEND_URL ?? "http://localhost:8001";

export default {
  server: { proxy: { "/api": { target: backend, rewrite: (path) => path.replace(/^\/api/, "") } } },
};
