// The page starts here.
import "./ui/palette.css";
import "./ui/base.css";
import "./ui/controls.css";
import { render } from "preact";
import { App, startApp } from "./ui/app";
import { watchForNewerPage } from "./ui/newer-page";
import { startTheme } from "./ui/theme";
import { startClock } from "./ui/time";

startTheme();
startClock();
watchForNewerPage();
startApp();
const root = document.getElementById("app");
if (root) render(<App />, root);
