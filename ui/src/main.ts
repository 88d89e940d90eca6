import "./theme.css";
import "./base.css";
import { mount } from "svelte";

import App from "./App.svelte";
import { socket } from "./backend/socket";
import { tauri } from "./backend/tauri";

// The application's webview defines this; a browser is connected to `pilotlight ui`.
const backend = "__TAURI_INTERNALS__" in window ? tauri : socket;
mount(App, { target: document.body, props: { backend } });
