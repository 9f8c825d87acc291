// The store as this member sees it (docs/rest-api.md, R632 and R633): its servers, how much of it is followed, and who else
// does. An operator says here what is to become of one that was emptied.

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import Serving
import Time

enum StorePage {
    /// What keeps what is registered.
    static let kind = "redis"

    static func get(_ call: borrowing Call) throws(Refused) -> Response {
        guard let status = call.registry.cluster.store else { throw .noSuchResource }
        return response(status, call)
    }

    static func reseed(_ call: borrowing Call) throws(Refused) -> Response {
        try settle(.reseed, "store reseeded", call)
    }

    static func acceptEmpty(_ call: borrowing Call) throws(Refused) -> Response {
        try settle(.acceptEmpty, "empty store accepted", call)
    }

    private static func settle(_ word: StoreWord, _ what: String, _ call: borrowing Call) throws(Refused) -> Response {
        guard let status = call.registry.cluster.store else { throw .noSuchResource }
        guard status.estranged > 0 else { throw .nothingToSettle }
        call.registry.cluster.settle(word)
        call.registry.acts.note(what, by: call.actor, at: call.moment)
        return response(status, call)
    }

    private static func response(_ status: StoreStatus, _ call: borrowing Call) -> Response {
        Response(
            .ok, contentType: .json,
            body: body(
                status, isReady: call.registry.cluster.hasCopy, at: call.monotonic, wall: call.wallOfMillisecond,
                showsInternals: call.showsInternals))
    }

    /// - Parameters:
    ///   - isReady: whether all of it has been read once.
    ///   - wall: in nanoseconds since 1970, when the millisecond of `now` began.
    ///   - showsInternals: whether addresses and errors are for whoever asks (R526).
    static func body(
        _ status: StoreStatus, isReady: Bool, at now: MonotonicTime, wall: Int64, showsInternals: Bool
    ) -> [UInt8] {
        var json = JSONObject()
        json.add("store", kind)
        json.add("boot_id", status.member)
        json.add("prefix", status.prefix)
        json.add("ready", isReady)
        json.add("healthy", status.isHealthy)
        if showsInternals { json.add("refused_because", status.trouble) }
        json.add("away_since", status.awaySince.map { JSONObject.time($0, now, wall) })
        json.add("clock_offset_ms", Int(status.clockOffset))
        var shards = JSONObject()
        shards.add("all", status.shards)
        shards.add("following", status.following)
        shards.add("reading", status.reading)
        shards.add("undecided", status.estranged)
        json.add("shards", shards.bytes)
        json.add("servers", JSONObject.array(status.servers.map { server($0, showsInternals) }))
        json.add("members", JSONObject.array(status.members.map { member($0, showsInternals) }))
        json.add("counts", counts(status.counts))
        return json.bytes
    }

    private static func server(_ server: StoreStatus.Server, _ showsInternals: Bool) -> [UInt8] {
        var json = JSONObject()
        if showsInternals { json.add("address", server.address) }
        json.add("engine", server.engine)
        json.add("connected", server.isConnected)
        if showsInternals { json.add("reason", server.reason) }
        return json.bytes
    }

    private static func member(_ member: StoreStatus.Member, _ showsInternals: Bool) -> [UInt8] {
        let words = MemberWords(member.about)
        var json = JSONObject()
        json.add("boot_id", member.id)
        json.add("name", words.name)
        if showsInternals { json.add("address", words.address) }
        json.add("version", words.version)
        return json.bytes
    }

    private static func counts(_ counts: StoreCounts) -> [UInt8] {
        var json = JSONObject()
        for (name, count) in counts.named { json.add(name, Int(clamping: count)) }
        return json.bytes
    }
}

extension StoreCounts {
    /// With the names that pages have for them.
    fileprivate var named: [(StaticString, UInt64)] {
        [
            ("puts", puts), ("renewals", renewals), ("events", events), ("swept", swept), ("expired", expired),
            ("scans", scans), ("rewritten", rewritten), ("full", full), ("failures", failures),
        ]
    }
}

/// What a member has said of itself. It comes out of the store, where anybody may have written it: what cannot be read is
/// left out.
private struct MemberWords {
    private(set) var name: String?
    private(set) var address: String?
    private(set) var version: String?

    init(_ about: String) {
        var said = Self()
        do throws(JSONError) {
            var reader = JSONReader(Array(about.utf8))
            try reader.enterObject()
            while let key = try reader.nextKey() {
                guard try reader.peekType() == .string else {
                    try reader.skipValue()
                    continue
                }
                let text = try reader.readString()
                switch key {
                case "name": said.name = text
                case "address": said.address = text
                case "version": said.version = text
                default: break
                }
            }
            try reader.finish()
        } catch { said = Self() }
        self = said
    }

    private init() {}
}
