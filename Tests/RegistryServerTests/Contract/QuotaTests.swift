// What each namespace may have, over HTTP (docs/rest-api.md, R850–R856).

import Catalog
import Foundation
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryCore

struct QuotaTests {
    private static func registry(
        _ transport: Transport, _ quotas: String, _ change: (inout Settings) -> Void = { _ in }
    )
        throws -> Registry
    {
        let registry = try Registry(transport) {
            $0.authMode = [.trusted]
            $0.operatorToken = Secret(bytes: Array(OperatorTests.token.utf8))
            change(&$0)
        }
        registry.context.registry.quotas.change(try Quotas(Array(quotas.utf8)))
        return registry
    }

    private func register(_ registry: Registry, _ service: String, _ value: Int, _ token: String) throws -> Answer {
        try registry.send(.register(Body(service, "\(value)")).bearing(token))
    }

    @Test(arguments: Transport.allCases)
    func `a namespace has as many instances and services as its quota says`(_ transport: Transport) throws {
        // R852 When a namespace has as many instances, or for an instance of a service that it does not have yet as many
        // services, as it may, a new one is answered 403. Registering again, renewing … are never refused, and a quota that is
        // lowered removes nothing.
        let registry = try Self.registry(
            transport,
            #"{"namespaces":[{"match":"small-*","instances":3,"services":2},{"match":"all","instances":null}]}"#
        ) { $0.namespaceCapacity = 4 }
        for tenant in ["small-a", "small-b"] {
            #expect(try register(registry, "a", 1, tenant).status == 201)
            #expect(try register(registry, "b", 1, tenant).status == 201)
            let services = try register(registry, "c", 1, tenant)
            // R856 A refusal names the quota and what is used.
            #expect(services.status == 403 && services.error?.contains("2 of 2 services (quota small-*)") == true)
            #expect(try register(registry, "a", 2, tenant).status == 201)
            let instances = try register(registry, "a", 3, tenant)
            #expect(instances.status == 403 && instances.error?.contains("3 of 3 instances (quota small-*)") == true)
            #expect(try register(registry, "a", 2, tenant).status == 201, "it is there")
            #expect(try registry.send(.remove(instanceID("b", "http", "1")).bearing(tenant)).status == 200)
            #expect(try register(registry, "c", 1, tenant).status == 201)
        }
        // R851 A value that is left out … is as the settings have it.
        for value in 1...4 { #expect(try register(registry, "s\(value)", value, "other").status == 201) }
        let full = try register(registry, "s5", 5, "other")
        #expect(full.status == 403 && full.error?.contains("4 of 4 instances") == true)
        #expect(full.error?.contains("NAMESPACE_CAPACITY") == true && full.error?.contains("quota") == false)
        for value in 1...9 { #expect(try register(registry, "s", value, "all").status == 201) }
        // Lowered below what is used.
        let known = try registry.register(Body("s", "1"), token: "all")
        registry.context.registry.quotas.change(try Quotas(Array(#"{"default":{"instances":2,"services":0}}"#.utf8)))
        let over = try register(registry, "s", 10, "all")
        #expect(over.status == 403 && over.error?.contains("9 of 2 instances (quota default)") == true, "\(over)")
        #expect(try register(registry, "s", 9, "all").status == 201)
        #expect(try registry.send(.renew(known).bearing("all")).status == 200)
        #expect(registry.context.registry.store.size(of: Namespace("all")).instances == 9)
        // Eureka's clients are held to it, too.
        let eureka = try registry.send(
            TestRequest(
                "POST", "/eureka/v2/apps/C", [("Content-Type", "application/json")],
                body: Array(
                    #"{"instance":{"instanceId":"i","hostName":"h","app":"C","ipAddr":"10.0.0.1","status":"UP","port":{"$":1,"@enabled":"true"},"dataCenterInfo":{"@class":"x","name":"MyOwn"}}}"#
                        .utf8)
            ).bearing("small-a"))
        #expect(eureka.status == 403)
        #expect(registry.context.registry.quotas.refusals(.instances) == 5)
        #expect(registry.context.registry.quotas.refusals(.services) == 2)
    }

    @Test(arguments: Transport.allCases)
    func `a namespace has the allowance of its quota, and other quotas count at once`(_ transport: Transport) throws {
        // R853 requests and heartbeats, each a second … take the place of the namespace's allowances of R824 and R825;
        // RATE_LIMIT_BURST holds for them, too.
        let registry = try Self.registry(
            transport,
            #"{"namespaces":[{"match":"slow","requests":1,"heartbeats":2},{"match":"free","requests":null}]}"#
        ) { $0.rateLimitNamespace = 3 }
        func passes(_ token: String, _ request: TestRequest, of quota: String? = nil) throws -> Int {
            for count in 0..<50 {
                let answer = try registry.send(request.bearing(token))
                guard answer.status == 429 else { continue }
                #expect(answer["Retry-After"] != nil)
                // R856 A refusal names the quota
                #expect(answer.error?.contains("(quota \(quota ?? ""), ") == (quota != nil), "\(answer)")
                return count
            }
            return 50
        }
        #expect(try passes("slow", .get("/api/v1/services"), of: "slow") == 2)
        #expect(try passes("slow", .renew("0000000000000000"), of: "slow") == 4)
        #expect(try passes("free", .get("/api/v1/services")) == 50)
        #expect(try passes("other", .get("/api/v1/services")) == 6)
        #expect(try passes("other", .renew("0000000000000000")) == 50)
        registry.context.registry.quotas.change(try Quotas(Array(#"{"default":{"requests":10}}"#.utf8)))
        registry.clock.advance(milliseconds: 10_000)
        for token in ["slow", "free", "other"] {
            #expect(try passes(token, .get("/api/v1/services/x"), of: "default") == 20)
        }
        #expect(try passes("slow", .renew("0000000000000000")) == 50)
        // R856 … a8registry_quota_refused_total counts refusals.
        #expect(registry.context.registry.quotas.refusals(.requests) == 5)
        #expect(registry.context.registry.quotas.refusals(.heartbeats) == 1)
    }

    @Test func `the ten that are nearest to their quotas are told to operators only`() throws {
        // R856 … a8registry_quota_used_ratio has the ten namespaces that are nearest to one of theirs, as of some seconds
        // ago. It is shown to operators and without AUTH_MODE only, since a namespace's name may be a credential.
        let registry = try Self.registry(
            .router, #"{"namespaces":[{"match":"n-*","instances":20},{"match":"busy","requests":2}]}"#)
        for number in 1...15 {
            for value in 1...number { #expect(try register(registry, "s", value, "n-\(number)").status == 201) }
        }
        // A limit of nothing has no parts, and one that is not said is none.
        #expect(try register(registry, "s", 1, "none").status == 201)
        #expect(try register(registry, "s", 1, "busy").status == 201)
        for _ in 0..<20 {
            registry.clock.advance(milliseconds: 500)
            #expect(try registry.send(.get("/api/v1/services").bearing("busy")).status == 200)
        }
        registry.clock.advance(milliseconds: 10_000)
        var survey = QuotaSurvey(registry.context.registry)
        survey.go(at: registry.clock.moment.monotonic)
        let page = TestRequest.get("/metrics")
        for answer in [try registry.send(page), try registry.send(page.bearing("n-1"))] {
            #expect(!answer.text.contains("n-15") && !answer.text.contains("quota_used_ratio"))
            #expect(answer.text.contains("a8registry_quota_refused_total{quota=\"instances\"} 0\n"))
        }
        let lines = try registry.send(page.bearing(OperatorTests.token)).text.split(separator: "\n").filter {
            $0.hasPrefix("a8registry_quota_used_ratio{")
        }.map(String.init)
        // 21 requests in twenty seconds are a little more than half of two a second.
        let busy = "a8registry_quota_used_ratio{namespace=\"busy\",quota=\"requests\"} 0.525"
        let wanted = (7...15).reversed().map {
            "a8registry_quota_used_ratio{namespace=\"n-\($0)\",quota=\"instances\"} \(Double($0) / 20)"
        }
        #expect(lines == wanted[..<5] + [busy] + wanted[5...], "\(lines)")
    }
}
