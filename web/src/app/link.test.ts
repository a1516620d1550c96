// @vitest-environment happy-dom
import { expect, test } from "vitest"
import { linkIn, secretOf } from "./link"

const secret = `${"A".repeat(42)}E`

test("a whole secret is taken, with or without its marks", () => {
  expect(secretOf(`#${secret}`)).toEqual({ secret, passcode: false, knock: false })
  expect(secretOf(`#${secret}.p`)).toEqual({ secret: `${secret}.p`, passcode: true, knock: false })
  expect(secretOf(`#${secret}.k`)).toEqual({ secret: `${secret}.k`, passcode: false, knock: true })
})

test("a secret that lost a character, gained one or does not encode back to itself is none", () => {
  for (const fragment of ["", "#", `#${secret.slice(1)}`, `#${secret}A`, `#${"A".repeat(42)}B`, `#${secret}.q`, `#${secret}=`])
    expect(secretOf(fragment), fragment).toBeUndefined()
})

test("the link is found in a message that was pasted whole, if it is one of this website", () => {
  const link = `/telemedicine/${"A".repeat(22)}#${secret}`
  const at = "https://clinic.example"
  expect(linkIn(`Please open this at 9: ${at}${link}. Dr Roe`, at)).toBe(link)
  expect(linkIn(`${at}/help and then ${at}${link}.p`, at)).toBe(`${link}.p`)
  for (const text of ["", link, `https://other.example${link}`, `${at}${link.slice(0, -1)}`, `${at}/telemedicine/x#${secret}`])
    expect(linkIn(text, at), text).toBeUndefined()
})
