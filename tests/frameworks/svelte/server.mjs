import { render as renderComponent } from "svelte/server";

import App from "./App.svelte";

export const render = (source) => renderComponent(App, { props: { source } }).body;
