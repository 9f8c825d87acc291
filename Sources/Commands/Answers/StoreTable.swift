// The store as one member sees it, and above all what is to be done about it.

/// `GET /api/v1/store` for people.
struct StoreTable {
    private let store: JSONTree

    init(_ store: JSONTree) { self.store = store }

    /// Sentences on how it stands, a table of its servers and one of the members at it.
    var text: String { summary + trouble + servers + members + undecided }

    private var summary: String {
        let shards = store["shards"]
        let (all, following) = (shards["all"].integer ?? 0, shards["following"].integer ?? 0)
        let kind = "\(store["store"].string ?? "store"), prefix \(store["prefix"].string ?? "?")"
        let who = "Asked \(store["boot_id"].string ?? "a member")"
        guard following < all else { return line("\(who) (\(kind)): it follows all \(all) shards.") }
        let others = [("reading", "being read"), ("undecided", "waiting for a word")].compactMap { key, words in
            shards[key].integer.flatMap { $0 > 0 ? ", \($0) \(words)" : nil }
        }
        let since = TimeText.short(store["away_since"].string).map { ", since \($0)" } ?? ""
        return line("\(who) (\(kind)): it follows \(following) of \(all) shards\(others.joined())\(since).")
    }

    private var trouble: String {
        store["refused_because"].string.map { line("It takes no changes: \($0).") } ?? ""
    }

    private var servers: String {
        var table = Table([.text("SERVER"), .text("ENGINE"), .text("CONNECTED"), .text("REASON")])
        for server in store["servers"].elements {
            table.add([
                server["address"].string, server["engine"].string, server["connected"].isTrue ? "yes" : "no",
                server["reason"].string,
            ])
        }
        return table.rows.isEmpty ? "" : table.text
    }

    private var members: String {
        var table = Table([.text("MEMBER"), .text("ID"), .text("ADDRESS"), .text("VERSION")])
        for member in store["members"].elements {
            table.add([
                member["name"].string, member["boot_id"].string, member["address"].string, member["version"].string,
            ])
        }
        return table.rows.isEmpty ? "" : table.text
    }

    private var undecided: String {
        guard let count = store["shards"]["undecided"].integer, count > 0 else { return "" }
        return """
            The store was emptied while this member could not follow it, and \(count) \(count == 1 ? "shard waits" : "shards wait") for a word:
            `registry store reseed` fills them from what this member shows, `registry store accept-empty` gives that up.

            """
    }

    private func line(_ sentence: String) -> String { TerminalText.escaped(sentence) + "\n" }

    /// What an operator's word has come to, in a sentence.
    static func settled(_ answer: JSONTree, _ what: String, of server: String) -> String {
        let count = answer["shards"]["undecided"].integer ?? 0
        return TerminalText.escaped("\(server) \(what) (\(count) \(count == 1 ? "shard" : "shards")).") + "\n"
    }
}
