// Draws what the page was given, and says when that is done or why it cannot be.
import { createTheme, dateTime, setTimeZoneResolver } from "@grafana/data";
import { GlobalStyles, PortalContainer, ThemeContext } from "@grafana/ui";
import { type Root, createRoot } from "react-dom/client";
import { Board, type Given, ready, withTransformers } from "./board";

declare global {
  interface Window {
    draw: (given: Given, mode: "light" | "dark") => Promise<void>;
  }
}

withTransformers();
setTimeZoneResolver(() => "utc");

let root: Root | undefined;

/** Draws it in place of what was there. Resolves when it is drawn, rejects with the first mistake. */
window.draw = async (given, mode) => {
  const theme = createTheme({ colors: { mode } });
  const panels = await ready(given);
  const [from, to] = [dateTime(given.from), dateTime(given.to)];
  const timeRange = { from, to, raw: { from, to } };
  const width = document.documentElement.clientWidth - 16;
  await new Promise<void>((resolve, reject) => {
    root?.unmount();
    root = createRoot(document.getElementById("root")!, { onUncaughtError: reject });
    root.render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <Board {...{ given, panels, theme, timeRange, width }} />
        <PortalContainer />
      </ThemeContext.Provider>,
    );
    // uPlot draws in the frame after the one in which React mounts it.
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)));
  });
};
