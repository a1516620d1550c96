/** The seal with a cross: careseal's mark. Decorative; the name stands beside it. */
const seal =
  "M16.00 2.40Q20.45 -0.61 22.80 4.22Q28.16 3.84 27.78 9.20Q32.61 11.55 29.60 16.00Q32.61 20.45 27.78 22.80Q28.16 28.16 22.80 27.78Q20.45 32.61 16.00 29.60Q11.55 32.61 9.20 27.78Q3.84 28.16 4.22 22.80Q-0.61 20.45 2.40 16.00Q-0.61 11.55 4.22 9.20Q3.84 3.84 9.20 4.22Q11.55 -0.61 16.00 2.40z"

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="seal" d={seal} />
      <path class="cross" d="M13.5 8.5h5v5h5v5h-5v5h-5v-5h-5v-5h5z" />
    </svg>
  )
}

export function Brand({ href = "/" }: { href?: string }) {
  return (
    <a class="brand" href={href}>
      <Mark />
      careseal
    </a>
  )
}
