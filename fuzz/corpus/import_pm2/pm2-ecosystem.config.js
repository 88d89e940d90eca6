const path = require('path');
const port = 4000;
const shared = { NODE_ENV: 'development' };

module.exports = {
  apps: [
    {
      name: "api",
      script: "./server.js",
      cwd: path.join(__dirname, 'api'),
      instances: "max",
      exec_mode: "cluster",
      node_args: "--inspect",
      args: ["--verbose", '--name', "a b"],
      env: { PORT: port, LOG: process.env.LOG || "info", JSON: '{"a":1}' },
      env_production: { NODE_ENV: "production" },
      max_memory_restart: "1G",
      kill_timeout: 3000,
      watch: true,
    },
    { name: 'jobs', script: 'worker.py', interpreter: './venv/bin/python', autorestart: false, env: shared },
    { name: `web`, script: 'npm', args: 'run dev', cwd: './web', instances: 1 },
    { name: 'computed', script: require('./which')() }, // known only by executing it
    { script: "tools/tick.sh", cron_restart: "0 0 * * *" },
  ],
  deploy: { production: { host: "example.org" } },
};
