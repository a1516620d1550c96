import { expect, test } from "vitest"
import { browserKindOf, insideAppOf } from "./browserKind"

const nothing = { userAgent: "", maxTouchPoints: 0, gestures: false, gecko: false, chromium: false, messages: false, brands: [] }

test.each([
  ["safari", { gestures: true }],
  ["ios", { gestures: true, maxTouchPoints: 5 }],
  ["firefox", { gecko: true }],
  ["chromium", { chromium: true, userAgent: "X11; Linux" }],
  ["android", { chromium: true, userAgent: "Linux; Android 14", maxTouchPoints: 5 }],
  ["other", {}],
] as const)("%s is told by what it can do", (kind, features) => {
  expect(browserKindOf({ ...nothing, ...features })).toBe(kind)
})

test.each([
  [true, { brands: ["Chromium", "Android WebView"] }],
  [true, { messages: true, userAgent: "iPhone Mobile/15E148" }],
  [true, { userAgent: "iPhone Mobile/15E148 Instagram 300.0" }],
  [false, { messages: true, userAgent: "iPhone CriOS/120.0 Mobile/15E148 Safari/604.1" }],
  [false, { brands: ["Chromium", "Google Chrome"], userAgent: "Linux; Android 14" }],
] as const)("%s: a page inside another app is told by what the app adds", (inside, features) => {
  expect(insideAppOf({ ...nothing, ...features })).toBe(inside)
})
