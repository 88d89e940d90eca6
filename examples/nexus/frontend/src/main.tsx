import "@fontsource-variable/inter/wght.css";
import "./style.css";

import { createRoot } from "react-dom/client";

import { Chat } from "./Chat";

createRoot(document.getElementById("root")!).render(<Chat />);
