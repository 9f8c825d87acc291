// What must always hold of a node between two calls, for tests that ask after each step. Sentences and no trap: a test
// names its seed with them.

#if DEBUG
    extension Node {
        /// Sentences on what must always hold and does not.
        ///
        /// - Parameter before: the node's `startup` after the step before.
        func checkInvariants(since before: Startup?) -> [String] {
            var broken: [String] = []
            if !directives.isEmpty { broken.append("directives are left from a call") }
            broken += startup.checkInvariants(since: before)
            broken += pause.checkInvariants() + waits.checkInvariants() + questions.checkInvariants()
            broken += known.checkInvariants { id, address in
                guard let link = links[id], link.role == .dialed else { return false }
                return address == nil || link.address == address
            }
            if judgments.clock.correction.magnitude > UInt64(ClockAlarm.farthest) {
                broken.append("the clock is corrected too far")
            }
            if relaying.routes.values.contains(where: { !(1...Relaying.farthest).contains($0.hops) }) {
                broken.append("a member is relayed over too many hops")
            }
            if links.values.count(where: { $0.role == .accepted }) > limits.acceptedLinks {
                broken.append("too many links were accepted")
            }
            let heard = links.values.filter { $0.subscriber != nil }.compactMap { $0.peer?.member }
            if Set(heard).count != heard.count { broken.append("two links subscribe to one member") }
            for link in links.values { broken += check(link).map { "link \(link.id.number): \($0)" } }
            return broken
        }

        private func check(_ link: Link) -> [String] {
            var broken: [String] = []
            switch (link.session, link.role) {
            case (.greeting, _), (.publisher, .accepted), (.subscriber, .dialed): break
            default: broken.append("it has the session of the other end")
            }
            if case .greeting = link.session {
            } else if link.peer == nil {
                broken.append("it has a session before the proof")
            }
            if link.attendance != nil, link.publisher == nil {
                broken.append("a member is waited for and has not subscribed")
            }
            if link.queuedBytes < 0 { broken.append("less than nothing waits on it") }
            return broken + (link.attendance?.checkInvariants() ?? []) + (link.publisher?.lag.checkInvariants() ?? [])
        }
    }
#endif
