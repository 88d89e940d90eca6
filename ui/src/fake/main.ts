import "../theme.css";
import { mount } from "svelte";

import App from "../App.svelte";
import { FakeBackend } from "../backend/fake";

mount(App, { target: document.body, props: { backend: new FakeBackend([]) } });
