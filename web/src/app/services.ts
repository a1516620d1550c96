/** What the pages are given from outside: the real thing in main.tsx, a play in demo/. */
import { createContext } from "preact"
import { useContext } from "preact/hooks"
import { type Calls, type DeviceDesk } from "../lib/call/types"
import { type CallLine, type Session, type Sessions } from "../lib/session/types"
import { type Account } from "./account"

export interface Services {
  sessions: () => Promise<Sessions>
  calls: (session: Session, line: CallLine) => Promise<Calls>
  /** Camera and microphone to be tried before a visit. */
  devices: () => Promise<DeviceDesk>
  account: Account
}

const context = createContext<Services | undefined>(undefined)
export const ServicesProvider = context.Provider

export function useServices(): Services {
  const services = useContext(context)
  if (!services) throw new Error("no services")
  return services
}
