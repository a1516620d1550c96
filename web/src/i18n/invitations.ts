/** Texts in which a clinician sends a link, in the language of who gets it. A line whose value is missing is left out. */
import { type Language } from "./index"

export interface InvitationTexts {
  subject: string
  /** For an e-mail. */
  mail: string
  /** For a text message, and for other programs. */
  short: string
  /** Before the time agreed. */
  time: string
}

export const invitationTexts: Readonly<Record<Language, InvitationTexts>> = {
  en: {
    subject: "Your video visit",
    mail: `Hello,

{name} invites you to a video visit.
{clinic}
{time}

Open this link at the time agreed:
{link}

You need no account, and there is nothing to install. Please do not pass the link on: whoever has it can join.`,
    short: `{name} invites you to a video visit.
{clinic}
{time}
{link}`,
    time: "Time: {time}",
  },
  de: {
    subject: "Ihre Videosprechstunde",
    mail: `Guten Tag,

{name} lädt Sie zu einer Videosprechstunde ein.
{clinic}
{time}

Öffnen Sie zur vereinbarten Zeit diesen Link:
{link}

Sie brauchen kein Konto und müssen nichts installieren. Bitte geben Sie den Link nicht weiter: Wer ihn hat, kann teilnehmen.`,
    short: `{name} lädt Sie zu einer Videosprechstunde ein.
{clinic}
{time}
{link}`,
    time: "Zeit: {time}",
  },
  es: {
    subject: "Su videoconsulta",
    mail: `Buenos días:

{name} le invita a una videoconsulta.
{clinic}
{time}

Abra este enlace a la hora acordada:
{link}

No necesita cuenta ni instalar nada. No pase el enlace a otras personas: quien lo tenga puede entrar.`,
    short: `{name} le invita a una videoconsulta.
{clinic}
{time}
{link}`,
    time: "Hora: {time}",
  },
  fr: {
    subject: "Votre consultation vidéo",
    mail: `Bonjour,

{name} vous invite à une consultation vidéo.
{clinic}
{time}

Ouvrez ce lien à l’heure convenue :
{link}

Il ne faut ni compte ni installation. Ne donnez pas ce lien à d’autres : qui l’a peut entrer.`,
    short: `{name} vous invite à une consultation vidéo.
{clinic}
{time}
{link}`,
    time: "Heure : {time}",
  },
  ar: {
    subject: "موعد جلستك بالفيديو",
    mail: `مرحبًا،

يدعوك {name} إلى جلسة بالفيديو.
{clinic}
{time}

افتح هذا الرابط في الموعد:
{link}

لا تحتاج إلى حساب ولا إلى تثبيت أي شيء. لا تعطِ الرابط لغيرك: كل من لديه الرابط يستطيع الدخول.`,
    short: `يدعوك {name} إلى جلسة بالفيديو.
{clinic}
{time}
{link}`,
    time: "الموعد: {time}",
  },
}
