/**
 * Which browser this is, for words about its buttons. What works is always found out by trying; only here, where nothing
 * else can tell where a button is, the browser's name for itself has a say (docs/browsers.md).
 */
export type BrowserKind = "chromium" | "android" | "firefox" | "safari" | "ios" | "other"

interface Browser {
  userAgent: string
  maxTouchPoints: number
  /** Safari's own way of telling two fingers; every browser on iOS has it. */
  gestures: boolean
  /** `-moz-appearance` is known. */
  gecko: boolean
  /** `window.chrome`, or user agent hints: Chromium and its children. */
  chromium: boolean
  /** A page inside another app on iOS can send it messages. */
  messages: boolean
  /** What Chromium calls itself in its hints. */
  brands: readonly string[]
}

export function browserKindOf({ userAgent, maxTouchPoints, gestures, gecko, chromium }: Browser): BrowserKind {
  if (gestures && !chromium) return maxTouchPoints > 1 ? "ios" : "safari"
  if (gecko) return "firefox"
  if (chromium) return userAgent.includes("Android") ? "android" : "chromium"
  return "other"
}

/** Other browsers on iOS are built the same way as pages inside apps, and are none. */
const wholeBrowser = /CriOS|FxiOS|EdgiOS|OPT\/|DuckDuckGo/
const knownApps = /\bFBAN|\bFBAV|Instagram|WhatsApp|\bLine\/|\bGSA\/|; wv\)/

/** Whether the page is shown inside another app, such as a messenger or a mail program. */
export function insideAppOf({ userAgent, messages, brands }: Browser): boolean {
  if (brands.includes("Android WebView") || knownApps.test(userAgent)) return true
  return messages && !wholeBrowser.test(userAgent)
}

interface Hinting {
  userAgentData?: { brands?: readonly { brand: string }[] }
  webkit?: { messageHandlers?: unknown }
}

function thisBrowser(): Browser {
  const { userAgentData } = navigator as Hinting
  return {
    userAgent: navigator.userAgent,
    maxTouchPoints: navigator.maxTouchPoints,
    gestures: "GestureEvent" in globalThis,
    gecko: CSS.supports("-moz-appearance", "none"),
    chromium: "chrome" in globalThis || userAgentData !== undefined,
    messages: (globalThis as Hinting).webkit?.messageHandlers !== undefined,
    brands: userAgentData?.brands?.map(({ brand }) => brand) ?? [],
  }
}

export const browserKind = (): BrowserKind => browserKindOf(thisBrowser())
export const insideApp = (): boolean => insideAppOf(thisBrowser())

/** The browser that comes with this kind of device, by the name that people know it by. */
export const usualBrowser = (): string => (["ios", "safari"].includes(browserKind()) ? "Safari" : "Chrome")
