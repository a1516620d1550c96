/** Installs what keeps the client's files (shellWorker.ts), once the page has nothing more urgent to do. */

interface TrustedTypesFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string }
}

const ADDRESS = "/service-worker.js"
/** ms; the visit's own first steps come before. */
const AFTER = 2000
let begun = false

/** Where the browser forbids it, the client does the same with a network only. */
export function keepShell(): void {
  if (begun || !import.meta.env.PROD || !("serviceWorker" in navigator)) return
  begun = true
  setTimeout(() => void install().catch(() => undefined), AFTER)
}

/** Under Trusted Types the script's address is one that a policy let pass: this one passes one. */
async function install(): Promise<void> {
  const factory = (globalThis as { trustedTypes?: TrustedTypesFactory }).trustedTypes
  const policy = factory?.createPolicy("careseal", {
    createScriptURL: (url) => {
      if (url !== ADDRESS) throw new TypeError("not the shell's worker")
      return url
    },
  })
  await navigator.serviceWorker.register(policy?.createScriptURL(ADDRESS) ?? ADDRESS, { updateViaCache: "none" })
}
