import express from "express";
import pg from "pg";

const port = process.env.PORT ?? 13000;
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const app = express();

app.get("/health", async (_request, response) => {
  const { rows } = await pool.query("select 1 as one");
  response.json({ status: rows[0].one === 1 ? "ok" : "wrong" });
});

app.listen(port, () => console.log(`listening on ${port}`));
