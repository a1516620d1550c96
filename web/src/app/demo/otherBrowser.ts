/** Lets the page believe that it is elsewhere: `obstacle=insecure-page`, `unsupported-browser` or `in-app-browser`. */
const obstacle = new URLSearchParams(location.search).get("obstacle")
const be = (of: object, name: string, value: unknown): unknown => Object.defineProperty(of, name, { value })

if (obstacle === "insecure-page") be(globalThis, "isSecureContext", false)
else if (obstacle !== null) be(globalThis, "Worker", undefined)
if (obstacle === "in-app-browser") be(navigator, "userAgent", `${navigator.userAgent} WhatsApp/2.24`)
