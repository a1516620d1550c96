/** Reactions on offer: a few that answer most questions of a visit, and more. */
export const quickEmoji = ["👍", "❤️", "😊", "🙏", "👏", "😢"] as const

export const moreEmoji = [
  "👍", "👎", "👌", "👏", "🙏", "💪", "🤝", "👋",
  "❤️", "😊", "😂", "🙂", "😮", "😢", "😕", "🤔",
  "🤒", "🤢", "😴", "😖", "💊", "🩺", "💧", "🌡️",
  "✅", "❌", "❓", "❗", "⏰", "📅", "🎉", "🌞",
] as const
