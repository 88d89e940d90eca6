fetch(import.meta.env.VITE_API_URL + "/v1/items");
