// What holds for the protocols together, whichever there are.

import Testing

@testable import Amalgam8
@testable import Operations
@testable import RegistryServer
@testable import Serving

struct ProtocolsTests {
    @Test func `no two routes answer the same method and path, and no two operations have one name`() {
        let routes = Protocols.routes.routes
        #expect(Set(routes.map { "\($0.method) \($0.path)" }).count == routes.count)
        let names = Protocols.routes.operations.map(\.name)
        #expect(Set(names).count == names.count)
    }
}
