// Who is a member, as a table of looks: the time is an argument, and every look is written out.

import TestTime
import Testing
import Time

@testable import Replication

struct DirectoryViewTests {
    static let own = PeerAddress(host: "10.0.0.1", port: 6100)
    static let other = PeerAddress(host: "10.0.0.2", port: 6100)
    static let third = PeerAddress(host: "10.0.0.3", port: 6100)

    /// The file of a member at its nth beat.
    static func file(_ address: PeerAddress, beat: Int64) -> ObservedFile {
        let content = MemberFile(address: address, timestamp: 1_800_000_000_000_000_000 + beat * 7_000_000_000).content
        return ObservedFile(name: MemberFile.name(of: address), content: .bytes(content))
    }

    static func file(_ address: PeerAddress, saying text: String) -> ObservedFile {
        ObservedFile(name: MemberFile.name(of: address), content: .bytes(Array(text.utf8)))
    }

    /// Looks every 5 s, from one second to another, always at the same files.
    static func look(
        _ view: inout DirectoryView, at files: [ObservedFile], from start: Int64, through end: Int64
    ) -> (events: [MembershipEvent], deletions: [DirectoryJudgement.Deletion]) {
        var events: [MembershipEvent] = []
        var deletions: [DirectoryJudgement.Deletion] = []
        for second in stride(from: start, through: end, by: 5) {
            let judgement = view.looked(files, at: MonotonicTime(milliseconds: second * 1_000))
            events += judgement.events
            deletions += judgement.deletions
        }
        return (events, deletions)
    }

    @Test func `a file seen for the first time is a member at once`() {
        var view = DirectoryView(own: Self.own)
        let judgement = view.looked([Self.file(Self.own, beat: 0), Self.file(Self.other, beat: -1_000_000)], at: 0)
        #expect(view.members == [Self.other])
        #expect(judgement == DirectoryJudgement(events: [.appeared(Self.other)], deletions: []))
    }

    @Test func `a file that changes stays, whatever its clock says`() {
        var view = DirectoryView(own: Self.own)
        // Its clock goes backwards, which is still a change.
        for second in stride(from: Int64(0), through: 300, by: 5) {
            _ = view.looked([Self.file(Self.other, beat: -second / 7)], at: MonotonicTime(milliseconds: second * 1_000))
            #expect(view.members == [Self.other], "after \(second) s")
        }
    }

    @Test func `a file unchanged for 30 s is no member, and said to be none once`() {
        var view = DirectoryView(own: Self.own)
        let files = [Self.file(Self.other, beat: 0)]
        #expect(Self.look(&view, at: files, from: 0, through: 25).events == [.appeared(Self.other)])
        #expect(view.members == [Self.other])
        #expect(Self.look(&view, at: files, from: 30, through: 200).events == [.expired(Self.other)])
        #expect(view.members.isEmpty)
    }

    @Test func `an expired member is back with its next beat`() {
        var view = DirectoryView(own: Self.own)
        _ = Self.look(&view, at: [Self.file(Self.other, beat: 0)], from: 0, through: 60)
        #expect(view.looked([Self.file(Self.other, beat: 1)], at: 65_000).events == [.appeared(Self.other)])
        #expect(view.members == [Self.other])
    }

    @Test
    func
        `a file that is taken away, perhaps by a member with a clock of the future, is missed for 30 s before its member is`()
    {
        var view = DirectoryView(own: Self.own)
        _ = view.looked([Self.file(Self.other, beat: 0)], at: 0)
        _ = Self.look(&view, at: [], from: 5, through: 25)
        #expect(view.members == [Self.other])
        #expect(Self.look(&view, at: [], from: 30, through: 60).events == [.expired(Self.other)])
        #expect(view.members.isEmpty)
    }

    // MARK: Time that does not count

    @Test func `a pause of ours expires nobody: the others get their time to be seen again`() {
        var view = DirectoryView(own: Self.own)
        let files = [Self.file(Self.other, beat: 0)]
        _ = view.looked(files, at: 0)
        // Two minutes stopped, perhaps with the whole machine and everyone on it.
        #expect(view.looked(files, at: 120_000).events == [])
        #expect(view.members == [Self.other])
        #expect(Self.look(&view, at: files, from: 125, through: 150).events == [.expired(Self.other)])
    }

    @Test func `while the directory cannot be read the last good membership holds, and it is said once`() {
        var view = DirectoryView(own: Self.own)
        let files = [Self.file(Self.other, beat: 0)]
        _ = view.looked(files, at: 0)
        #expect(view.lookFailed(reason: "gone") == [.directoryUnreadable(reason: "gone")])
        for _ in 0..<100 { #expect(view.lookFailed(reason: "gone") == []) }
        #expect(view.members == [Self.other])
        #expect(view.looked(files, at: 600_000).events == [.directoryReadable])
        #expect(view.members == [Self.other])
        #expect(view.lookFailed(reason: "gone") == [.directoryUnreadable(reason: "gone")])
    }

    @Test func `while our own file cannot be written nobody expires, and it is said once`() {
        var view = DirectoryView(own: Self.own)
        let files = [Self.file(Self.other, beat: 0)]
        _ = view.looked(files, at: 0)
        #expect(view.heartbeatFailed(reason: "full") == [.heartbeatFailed(reason: "full")])
        for second in stride(from: Int64(5), through: 1_000, by: 5) {
            #expect(view.heartbeatFailed(reason: "full") == [])
            #expect(view.looked(files, at: MonotonicTime(milliseconds: second * 1_000)) == DirectoryJudgement())
        }
        #expect(view.members == [Self.other])
        #expect(view.heartbeatWritten(MemberFile(address: Self.own, timestamp: 0).content) == [.heartbeatRestored])
        #expect(view.heartbeatWritten(MemberFile(address: Self.own, timestamp: 1).content) == [])
        #expect(Self.look(&view, at: files, from: 1_005, through: 1_030).events == [.expired(Self.other)])
    }

    @Test func `a clock that steps back counts for nothing`() {
        var view = DirectoryView(own: Self.own)
        _ = view.looked([Self.file(Self.other, beat: 0)], at: 1_000_000)
        _ = view.looked([Self.file(Self.other, beat: 0)], at: 0)
        #expect(view.members == [Self.other])
    }

    // MARK: Deletion

    @Test func `only what has been dead for 10 min is deleted, with the content it was judged by`() {
        var view = DirectoryView(own: Self.own)
        let dead = Self.file(Self.other, beat: 0)
        #expect(Self.look(&view, at: [dead], from: 0, through: 595).deletions.isEmpty)
        let (_, deletions) = Self.look(&view, at: [dead], from: 600, through: 600)
        guard case .bytes(let content) = dead.content else { return }
        #expect(deletions == [.init(name: dead.name, address: Self.other, content: content)])
        #expect(view.looked([], at: 605_000) == DirectoryJudgement())
    }

    @Test func `a dead file that is corrupt by now is not deleted: it is no member's any longer`() {
        var view = DirectoryView(own: Self.own)
        _ = view.looked([Self.file(Self.other, beat: 0)], at: 0)
        #expect(Self.look(&view, at: [Self.file(Self.other, saying: "{")], from: 5, through: 2_000).deletions.isEmpty)
    }

    @Test func `our own file is never deleted, nor one that never was a member's`() {
        var view = DirectoryView(own: Self.own)
        let files = [
            Self.file(Self.own, beat: 0), Self.file(Self.other, saying: ""),
            ObservedFile(name: "notes", content: .bytes(Array("x".utf8))),
            ObservedFile(name: MemberFile.name(of: Self.third), content: .fault(.special)),
        ]
        #expect(Self.look(&view, at: files, from: 0, through: 5_000).deletions.isEmpty)
    }

    // MARK: Files that are no member's

    @Test(arguments: [
        (file(other, saying: ""), FileFault.empty),
        (file(other, saying: "{\"ip\":"), .corrupt),
        (file(other, saying: "\u{0}\u{0}"), .corrupt),
        (
            file(other, saying: String(decoding: MemberFile(address: third, timestamp: 0).content, as: UTF8.self)),
            .foreign
        ),
        (
            file(other, saying: String(decoding: MemberFile(address: own, timestamp: 0).content, as: UTF8.self)),
            .foreign
        ),
        (ObservedFile(name: MemberFile.name(of: other), content: .fault(.special)), .special),
        (ObservedFile(name: MemberFile.name(of: other), content: .fault(.tooLarge)), .tooLarge),
    ])
    func `what is named as a member's and is none is ignored, and complained of once`(
        file: ObservedFile, fault: FileFault
    ) {
        var view = DirectoryView(own: Self.own)
        let (events, deletions) = Self.look(&view, at: [file], from: 0, through: 2_000)
        #expect(events == [.ignored(name: file.name, fault)])
        #expect(deletions.isEmpty)
        #expect(view.members.isEmpty)
    }

    @Test func `a file caught while the original rewrites it keeps what it said last`() {
        var view = DirectoryView(own: Self.own)
        var events: [MembershipEvent] = []
        for second in stride(from: Int64(0), through: 100, by: 5) {
            // Every other look finds it truncated.
            let file = second % 10 == 0 ? Self.file(Self.other, beat: second) : Self.file(Self.other, saying: "")
            events += view.looked([file], at: MonotonicTime(milliseconds: second * 1_000)).events
        }
        #expect(view.members == [Self.other])
        #expect(events == [.appeared(Self.other)])
    }

    @Test func `a member whose file stays broken expires`() {
        var view = DirectoryView(own: Self.own)
        _ = view.looked([Self.file(Self.other, beat: 0)], at: 0)
        let (events, _) = Self.look(&view, at: [Self.file(Self.other, saying: "{")], from: 5, through: 60)
        #expect(events == [.ignored(name: "10.0.0.2:6100", .corrupt), .expired(Self.other)])
    }

    @Test func `a thousand broken files are not a thousand lines`() {
        var view = DirectoryView(own: Self.own)
        let files = (0..<1_000).map {
            Self.file(PeerAddress(host: "10.1.\($0 / 256).\($0 % 256)", port: 6100), saying: "")
        }
        let (events, _) = Self.look(&view, at: files, from: 0, through: 100)
        #expect(events.count == DirectoryView.mostComplaints)
    }

    @Test func `members beyond the limit are not looked at, and that is said once`() {
        var view = DirectoryView(own: Self.own)
        let files = (0..<DirectoryView.mostMembers + 10).map {
            Self.file(PeerAddress(host: "10.1.\($0 / 256).\($0 % 256)", port: 6100), beat: 0)
        }
        let (events, _) = Self.look(&view, at: files, from: 0, through: 20)
        #expect(view.members.count == DirectoryView.mostMembers)
        #expect(events.filter { $0 == .tooManyFiles(limit: DirectoryView.mostMembers) }.count == 1)
    }

    // MARK: Our own file

    @Test func `what we wrote, also some beats ago, is ours; what another writes there is said once`() {
        var view = DirectoryView(own: Self.own)
        for beat in Int64(0)..<5 {
            guard case .bytes(let content) = Self.file(Self.own, beat: beat).content else { return }
            #expect(view.heartbeatWritten(content) == [])
        }
        #expect(view.looked([Self.file(Self.own, beat: 4)], at: 0).events == [])
        #expect(view.looked([Self.file(Self.own, beat: 0)], at: 5_000).events == [])
        #expect(view.looked([Self.file(Self.own, beat: 99)], at: 10_000).events == [.addressShared(Self.own)])
        #expect(view.looked([Self.file(Self.own, beat: 4)], at: 15_000).events == [])
        #expect(view.looked([Self.file(Self.own, beat: 100)], at: 20_000).events == [])
        #expect(
            Self.look(&view, at: [Self.file(Self.own, beat: 4)], from: 25, through: 100).events == [
                .addressAlone(Self.own)
            ])
        #expect(view.members.isEmpty)
    }

    @Test func `what a former run of ours left is nobody else's`() {
        var view = DirectoryView(own: Self.own)
        #expect(view.looked([Self.file(Self.own, beat: -50)], at: 0).events == [])
        #expect(view.looked([Self.file(Self.own, saying: "{")], at: 5_000).events == [])
        #expect(view.members.isEmpty)
    }
}
