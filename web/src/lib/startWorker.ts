interface TrustedTypesFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

const policies = new Map<string, ReturnType<TrustedTypesFactory["createPolicy"]>>()

/**
 * Starts one of our own workers from the address that the build gave it.
 *
 * Under Trusted Types an address must pass a policy (`careseal-NAME`, named in the page's CSP): this one passes that address only.
 */
export function startWorker(name: string, address: string): Worker {
  const factory = (globalThis as { trustedTypes?: TrustedTypesFactory }).trustedTypes
  let policy = policies.get(name)
  if (!policy && factory) {
    policy = factory.createPolicy(`careseal-${name}`, {
      createScriptURL: (url) => {
        if (url !== address) throw new TypeError(`not the worker of ${name}`)
        return url
      },
    })
    policies.set(name, policy)
  }
  return new Worker(policy?.createScriptURL(address) ?? address, { type: "module", name })
}
