export { createCalls } from "./call.ts"
export type * from "./types.ts"
