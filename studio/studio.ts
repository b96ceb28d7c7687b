import { mount } from "svelte";
import App from "./ui/App.svelte";
import { enter } from "./ui/address";
import "./ui/style.css";

enter();
mount(App, { target: document.getElementById("studio")! });
