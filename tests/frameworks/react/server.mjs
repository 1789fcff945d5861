import { createElement as h, StrictMode } from "react";
import { renderToString } from "react-dom/server";

import { App } from "./app.mjs";

export const render = (source) => renderToString(h(StrictMode, null, h(App, { source })));
