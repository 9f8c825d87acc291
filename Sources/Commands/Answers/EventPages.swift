// The event log as its reader puts it together from pages, and what it says of losses: which instances went, and whether
// they have come back since.

import JSON

/// What pages of `GET /api/v1/events` came to, the oldest first.
struct EventPages: Sendable {
    struct Event: Sendable {
        let tree: JSONTree
        /// As it was sent.
        let json: ArraySlice<UInt8>

        var kind: String? { tree["kind"].string }
        var id: String? { tree["id"].string }
        var service: String? { tree["service_name"].string }
        var isLoss: Bool { kind == "expired" || kind == "deregistered" }
        /// Whether there is an instance after it.
        var isThere: Bool { !isLoss }
    }

    private(set) var events: [Event] = []
    /// Whether events that were asked for are kept no more.
    private(set) var hasMissed = false
    /// What to ask with for what comes next; 0 until there was an answer.
    private(set) var next = 0

    /// Takes a page in; returns how many events it had.
    @discardableResult
    mutating func take(_ page: [UInt8]) throws(JSONError) -> Int {
        var reader = JSONReader(page)
        var count = 0
        try reader.enterObject()
        while let key = try reader.nextKey() {
            switch key {
            case "events":
                try reader.enterArray()
                while try reader.nextElement() {
                    let bytes = page[try reader.readRawValue()]
                    events.append(Event(tree: try JSONTree(Array(bytes)), json: bytes))
                    count += 1
                }
            case "next": next = (try JSONTree(Array(page[try reader.readRawValue()]))).integer ?? next
            case "missed": hasMissed = try reader.readBoolean() || hasMissed
            default: try reader.skipValue()
            }
        }
        try reader.finish()
        return count
    }

    /// What of it is wanted: of one service, or only losses.
    func chosen(service: String?, onlyLosses: Bool) -> [Event] {
        events.filter { (service == nil || $0.service == service) && (!onlyLosses || $0.isLoss) }
    }

    /// As the registry would answer, with the chosen events only.
    func json(_ chosen: [Event]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(literal: "{\"next\":")
        bytes.appendJSON(next)
        bytes.append(literal: ",\"missed\":")
        bytes.appendJSON(hasMissed)
        bytes.append(literal: ",\"events\":[")
        for (index, event) in chosen.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += event.json
        }
        bytes.append(literal: "]}\n")
        return bytes
    }

    /// One row an event; NOW says of a loss whether the instance has come back by the end of the pages.
    func table(_ chosen: [Event]) -> String {
        var last: [String: Event] = [:]
        for event in events { if let id = event.id { last[id] = event } }
        var table = Table([
            .text("TIME"), .text("EVENT"), .text("SERVICE"), .text("ID"), .text("ENDPOINT"), .text("STATUS"),
            .text("NOW"), .text("BY"),
        ])
        for event in chosen {
            let tree = event.tree
            let isBack = event.isLoss && event.id.flatMap { last[$0] }?.isThere == true
            table.add([
                TimeText.short(tree["time"].string), event.kind, event.service, event.id,
                tree["endpoint"]["value"].string, status(tree), event.isLoss ? (isBack ? "back" : "gone") : nil,
                tree["client"].string ?? tree["source"].string ?? tree["member"].string,
            ])
        }
        return table.text
    }

    private func status(_ event: JSONTree) -> String? {
        switch (event["previous_status"].string, event["status"].string) {
        case (let before?, let after?) where before != after: "\(before)->\(after)"
        case (let before, let after): after ?? before
        }
    }
}
