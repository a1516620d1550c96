import { useSignal } from "@preact/signals"
import { Icon } from "../../components/Icon"
import { number, t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type AccountSession } from "../account"
import { ElsewhereRow } from "./ElsewhereRow"
import { found, type Person, type Row } from "./rows"
import { SessionRow } from "./SessionRow"

interface Props {
  rows: readonly Row[]
  /** Sessions of the account that this device cannot open. */
  elsewhere: readonly AccountSession[]
  canMake: boolean
  /** Since when somebody waits, ms. */
  waitingSince: (session: string, person: Person) => number | undefined
  onAbout: (row: Row) => void
  onDeleteElsewhere: (session: AccountSession) => void
}

/** Open sessions by last activity, those that are over folded behind, and those of other devices told apart. */
export function SessionList({ rows, elsewhere, canMake, waitingSince, onAbout, onDeleteElsewhere }: Props) {
  const query = useSignal("")
  if (rows.length === 0 && elsewhere.length === 0) return canMake ? <Nothing /> : null
  const shown = found(rows, query.value)
  const searching = query.value.trim() !== ""
  const open = shown.filter(({ phase }) => phase === "joined")
  const over = shown.filter(({ phase }) => phase !== "joined")
  const row = (each: Row) => <SessionRow key={each.id} row={each} waitingSince={waitingSince} onAbout={() => onAbout(each)} />
  return (
    <>
      {rows.length > 0 && <Search query={query.value} onQuery={(text) => void (query.value = text)} />}
      {shown.length === 0 && searching && (
        <p role="status">
          <Words k="dashboard.noneFound" query={query.value} />
        </p>
      )}
      {!searching && open.length === 0 && rows.length > 0 && <p class="quiet">{t("dashboard.noneOpen")}</p>}
      {open.length > 0 && (
        <ul class="sessions" aria-label={t("dashboard.list")}>
          {open.map(row)}
        </ul>
      )}
      {over.length > 0 && (
        <details class="sessions-over" open={searching}>
          <summary>
            <Icon name="down" />
            {t("dashboard.ended")}
            <span class="quiet">{number(over.length)}</span>
          </summary>
          <ul class="sessions" aria-label={t("dashboard.ended")}>
            {over.map(row)}
          </ul>
        </details>
      )}
      {elsewhere.length > 0 && !searching && (
        <section class="sessions-elsewhere" aria-labelledby="elsewhere">
          <h2 id="elsewhere">{t("dashboard.elsewhere")}</h2>
          <p class="quiet small">{t("dashboard.elsewhereText")}</p>
          <ul class="sessions">
            {elsewhere.map((session) => (
              <ElsewhereRow key={session.id} session={session} onDelete={() => onDeleteElsewhere(session)} />
            ))}
          </ul>
        </section>
      )}
      <p class="quiet small">{t("dashboard.onThisDevice")}</p>
    </>
  )
}

function Nothing() {
  return (
    <section class="nothing" aria-labelledby="nothing">
      <h2 id="nothing">{t("dashboard.empty.title")}</h2>
      <p>{t("dashboard.empty.text")}</p>
    </section>
  )
}

function Search({ query, onQuery }: { query: string; onQuery: (query: string) => void }) {
  return (
    <div class="search" role="search">
      <label class="unseen" for="search">
        {t("dashboard.search")}
      </label>
      <Icon name="search" />
      <input
        id="search"
        class="input"
        type="search"
        dir="auto"
        autocomplete="off"
        placeholder={t("dashboard.search")}
        value={query}
        onInput={(event) => onQuery(event.currentTarget.value)}
      />
    </div>
  )
}

