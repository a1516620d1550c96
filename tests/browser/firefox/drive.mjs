// Drives a Firefox: one JSON command a line on stdin, one JSON answer a line on stdout.
// Arguments: the web client's package.json, Firefox, a folder for downloads.
import { createRequire } from "node:module"
import { createInterface } from "node:readline"

const [packages, executablePath, downloads] = process.argv.slice(2)
const { launch } = createRequire(packages)("puppeteer-core")
const timeout = 20_000

const browser = await launch({
  browser: "firefox",
  executablePath,
  headless: true,
  extraPrefsFirefox: {
    "media.navigator.streams.fake": true,
    "media.navigator.permission.disabled": true,
    "media.peerconnection.ice.loopback": true,
    "media.autoplay.default": 0,
    "dom.disable_beforeunload": true,
    "browser.download.folderList": 2,
    "browser.download.dir": downloads,
    "browser.download.alwaysOpenPanel": false,
  },
})
const page = await browser.newPage()
page.setDefaultTimeout(timeout)
await page.setViewport({ width: 1100, height: 760 })
const complaints = []
page.on("pageerror", (error) => complaints.push(String(error)))

const named = (role, name) => `::-p-aria([name="${name}"][role="${role}"])`

const verbs = {
  open: ({ url }) => page.goto(url),
  click: ({ role, name }) => page.locator(named(role, name)).click(),
  fill: ({ role, name, text }) => page.locator(named(role, name)).fill(text),
  shown: ({ role, name }) => page.waitForSelector(named(role, name), { visible: true }).then(() => true),
  gone: ({ role, name }) => page.waitForSelector(named(role, name), { hidden: true }).then(() => true),
  upload: async ({ files, role, name }) => {
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.locator(named(role, name)).click()])
    await chooser.accept(files)
  },
  evaluate: ({ script }) => page.evaluate(`(async () => (${script}))()`),
  until: async ({ script }) => {
    const deadline = Date.now() + timeout
    while (!(await page.evaluate(`(async () => (${script}))()`))) {
      if (Date.now() > deadline) throw new Error(`never came true: ${script}`)
    }
    return true
  },
  reload: () => page.reload(),
  key: ({ key }) => page.keyboard.press(key),
  screenshot: ({ path }) => page.screenshot({ path }),
  complaints: () => complaints,
}

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, ...options } = JSON.parse(line)
  let answer
  try {
    const result = await verbs[verb](options)
    answer = { result: typeof result === "object" && !Array.isArray(result) ? null : (result ?? null) }
  } catch (error) {
    answer = { error: `${verb} ${JSON.stringify(options)}: ${error}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
await browser.close()
