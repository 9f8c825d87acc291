import Catalog
import Testing

@testable import Serving

struct RenderBudgetTests {
    private let a = Namespace("a")

    @Test func `what is under way is bounded for each namespace and for all, and given back with its list`() {
        let account = RenderAccount(most: 250, ofNamespace: 100)
        let first = RenderLoan(of: account, for: a)
        let second = RenderLoan(of: account, for: a)
        #expect(first.take(60))
        #expect(second.take(40) && !second.take(1))
        let others = ["b", "c"].map { RenderLoan(of: account, for: Namespace($0)) }
        #expect(others[0].take(100) && !others[1].take(51) && others[1].take(50))
        #expect(account.total == 250)
        // A refusal takes nothing.
        #expect(!others[1].take(1) && account.total == 250)
        first.release()
        first.release()
        #expect(account.total == 190)
        var third: RenderLoan? = RenderLoan(of: account, for: a)
        #expect(third?.take(60) == true)
        third = nil
        #expect(account.total == 190)
    }

    @Test func `on a loop a list is made up to a bound, and is then for others`() throws {
        var budget = RenderBudget.loop
        try budget.look(at: RenderBudget.loopInstances)
        try budget.make(RenderBudget.loopBytes - 1)
        try budget.scan(1)
        for stop in [
            stopped { () throws(RenderStop) in try budget.look(at: 1) },
            stopped { () throws(RenderStop) in try budget.make(1) },
        ] {
            guard case .tooLong = stop else {
                Issue.record("\(String(describing: stop))")
                continue
            }
        }
    }

    @Test func `beside the loops only memory bounds it, and that somebody waits`() throws {
        let account = RenderAccount(most: 2 << 20, ofNamespace: 1 << 20)
        let loan = RenderLoan(of: account, for: a)
        var budget = RenderBudget.beside(loan) { false }
        try budget.look(at: 1_000_000)
        try budget.scan(100 << 20)
        try budget.make(1 << 20)
        guard case .refused(.renderingTooLarge) = stopped({ () throws(RenderStop) in try budget.make(1) }) else {
            Issue.record("a list has taken more than it may")
            return
        }
        var unwanted = RenderBudget.beside(loan) { true }
        guard case .refused(.renderingAbandoned) = stopped({ () throws(RenderStop) in try unwanted.look(at: 0) }) else {
            Issue.record("a list that nobody waits for is made")
            return
        }
    }

    private func stopped(_ body: () throws(RenderStop) -> Void) -> RenderStop? {
        do throws(RenderStop) {
            try body()
            return nil
        } catch {
            return error
        }
    }
}
