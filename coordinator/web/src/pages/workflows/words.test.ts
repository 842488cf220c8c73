import { expect, it } from "vitest";

import { cronWords, percent, successRate, triggerWords } from "./words";

it.each([
  ["30 6 * * 1-5", "weekdays at 06:30"],
  ["0 0 * * *", "daily at 00:00"],
  ["5 * * * *", "hourly at :05"],
  ["*/15 * * * *", "every 15 minutes"],
  ["* * * * *", "every minute"],
  ["0 */6 * * *", "every 6 hours at :00"],
  ["0 9 * * mon", "Mondays at 09:00"],
  ["0 9 * * 1,3,0", "Mon, Wed, Sun at 09:00"],
  ["0 4 1 * *", "on day 1 of each month at 04:00"],
  ["@daily", "daily at 00:00"],
])("%s is said as %s", (expression, words) => expect(cronWords(expression)).toBe(words));

it.each(["*/7 * * * *", "0 0 1 1 1", "0 9 * 6 *", "0 9 13 * 5", "0,30 9 * * *", "1 2 3", "0 25 * * *", "0 0 * * 1#2", "0 */5 * * *"])("%s is not said wrongly", (expression) =>
  expect(cronWords(expression)).toBeNull(),
);

it("says triggers of each kind", () => {
  expect(triggerWords({ kind: "event", text: "event orders.batch where event.data.n > 0" })).toBe("on orders.batch");
  expect(triggerWords({ kind: "every", text: "every 90 s" })).toBe("every 90 s");
  expect(triggerWords({ kind: "every", text: "every 7200 s" })).toBe("every 2 h");
  expect(triggerWords({ kind: "cron", text: "cron 0 9 * * * (Europe/Berlin)" })).toBe("daily at 09:00 (Europe/Berlin)");
  expect(triggerWords({ kind: "cron", text: "cron */7 * * * * (UTC)" })).toBe("cron */7 * * * * (UTC)");
});

it("a rate is not rounded to all or nothing", () => {
  expect(successRate({ running: 3, cancelled: 2 })).toBeNull();
  expect(percent(successRate({ succeeded: 99_999, failed: 1 }) ?? 0)).toBe("> 99.9 %");
  expect(percent(successRate({ succeeded: 1, failed: 99_999 }) ?? 0)).toBe("< 0.1 %");
  expect([percent(1), percent(0), percent(2 / 3)]).toEqual(["100 %", "0 %", "66.7 %"]);
});
