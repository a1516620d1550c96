/**
 * Keeps the client's own files, so that it opens without a network and a page that is open finds its parts after an upgrade.
 *
 * The page comes from the network where there is one; what the server is asked about visits never passes through here, and
 * nothing but files that are the same for everybody is kept. A page's address may hold a link's secret in its fragment: no
 * address of a page is kept or sent. A new version waits until every page of the one before is closed.
 */
/** Put in by the build: the files of this build, and the SHA-256 of its page and of all of them. */
declare const __SHELL__: { version: string; page: string; files: readonly string[] }

const worker = self as unknown as ServiceWorkerGlobalScope
const SHELL = __SHELL__
const KIND = "careseal-shell-"
const CACHE = KIND + SHELL.version
const PAGE = "/index.html"
const whole = { ignoreVary: true, ignoreSearch: true } as const

worker.addEventListener("install", (event) => event.waitUntil(Promise.all([keepFiles(), passBy(event)])))
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()))
worker.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request
  const { origin, pathname } = new URL(url)
  if (method !== "GET" || origin !== worker.location.origin) return
  if (mode === "navigate") {
    if (isPage(pathname)) event.respondWith(page(event.request))
  } else if (isFile(pathname)) event.respondWith(file(event.request, pathname))
})

interface InstallEvent extends ExtendableEvent {
  /** Where the browser has static routes (Chromium). */
  addRoutes?(rules: { condition: { urlPattern: { pathname: string } }; source: "network" }): Promise<void>
}

/** Calls to the server need no look at all: it takes time, and what a call sends would be kept until this worker's collector comes by. */
const passBy = async (event: InstallEvent): Promise<void> =>
  event.addRoutes?.({ condition: { urlPattern: { pathname: "/api/*" } }, source: "network" })

const isPage = (path: string): boolean => path === "/" || path === "/sign-in" || /^\/telemedicine\/[^/]+$/.test(path)
const isFile = (path: string): boolean => path.startsWith("/assets/") || (path !== PAGE && SHELL.files.includes(path))

/** All or nothing; a page of another build, because the server is just being upgraded, is nothing. */
async function keepFiles(): Promise<void> {
  const response = await fetch(PAGE, { cache: "no-store" })
  const text = await response.clone().arrayBuffer()
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text))
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")
  if (!response.ok || hex !== SHELL.page) throw new Error("the page is of another build")
  const cache = await caches.open(CACHE)
  await cache.addAll(SHELL.files.filter((path) => path !== PAGE))
  await cache.put(PAGE, response)
}

/** Files of earlier builds go, unless a page is open that may be made of them. */
async function takeOver(): Promise<void> {
  const open = await worker.clients.matchAll({ type: "window", includeUncontrolled: true })
  if (open.length === 0) {
    const old = (await caches.keys()).filter((name) => name.startsWith(KIND) && name !== CACHE)
    await Promise.all(old.map((name) => caches.delete(name)))
  }
  await worker.clients.claim()
}

/** From the network; what is kept where there is none, or where the server is down behind its proxy. */
async function page(request: Request): Promise<Response> {
  const answer = await fetch(request).catch(() => undefined)
  if (answer && answer.status < 500) return answer
  const cache = await caches.open(CACHE)
  return (await cache.match(PAGE, whole)) ?? answer ?? Response.error()
}

/** The name of an asset holds its hash, so what is kept is what the server has, or had when the page was loaded. */
async function file(request: Request, path: string): Promise<Response> {
  const kept = await caches.match(path, whole)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.status === 200 && path.startsWith("/assets/")) {
    const cache = await caches.open(CACHE)
    await cache.put(path, answer.clone())
  }
  return answer
}
