// The files that a running process follows: settings, secrets, certificates, keys. One reloader looks at all of them;
// here stands which there are, and what becomes of a change.

import Authorization
import Catalog
import Configuration
import Glibc
import Issuer
import Libevent
import RedisStoreServer
import RegistryCore
import ReplicationServer
import Serving
import System
import TLS
import Telemetry
import Time

extension RegistryProcess {
    func watchFiles() throws {
        reloader.add(live.watch) { [unowned self] in
            apply(live.reload())
            return live.watch
        }
        if let quotaKeeper { reloader.add(quotaKeeper.watch) { quotaKeeper.reload() } }
        if let keeper {
            reloader.add(keeper.watch) { [logger] in
                keeper.reload(now: WallClock.seconds(), logger)
                return keeper.watch
            }
        }
        if let watch = tokenKeys.watch {
            reloader.add(watch) { [unowned self] in
                if tokenKeys.reload(logger) { authorizeAnew() }
                return tokenKeys.watch ?? watch
            }
        }
        if let replication = member.replication, let watch = replication.certificateWatch {
            reloader.add(watch) { replication.reloadCertificates(now: WallClock.seconds()) }
        }
        if let store = member.store, let watch = member.storeWatch {
            // A changed path needs a restart, so the files are those of the start.
            let settings = live.settings
            reloader.add(watch) { [logger] in
                let watch = StoreParts.watch(settings) ?? watch
                StoreParts.reloadCertificates(settings, of: store, now: WallClock.seconds(), logger)
                return watch
            }
        }
        if let audit = readers.audit {
            reloader.add { [logger] isAsked in audit.look(logger, isAsked: isAsked) }
        }
        events.append(try LoopEvent.signal(SIGHUP, on: loop) { [reloader] _ in reloader.readAll() })
        events.append(
            try LoopEvent.every(milliseconds: Reloader.period, on: loop) { [reloader, keeper] _ in
                keeper?.rotateTicketKeys(monotonic: MonotonicClock.now().seconds)
                reloader.look()
            })
    }

    /// Passes changed settings to the parts that they concern.
    private func apply(_ changed: [String]) {
        guard !changed.isEmpty else { return }
        let settings = live.settings
        threshold.level = settings.logLevel
        context.accessLogRule.change(to: settings.accessLog, probes: settings.accessLogProbes)
        registry.rateLimits.change(settings)
        registry.store.change(namespaceCapacity: settings.namespaceCapacity)
        registry.tagRule.change(settings)
        registry.expiryHold.change(budget: settings.leaseBudget)
        context.change(LimitRules(settings, openFiles: openFiles), settings)
        if changed.contains(where: ["jwt_secret", "operator_token"].contains) {
            authorizeAnew()
        }
        if changed.contains("cluster_secret"), let secret = settings.clusterSecret {
            member.replication?.change(secrets: secret.all)
        }
        if changed.contains("store_password") { member.store?.change(password: StoreParts.password(settings)) }
        if changed.contains("store_sentinel_password") {
            member.store?.change(sentinelPassword: StoreParts.sentinelPassword(settings))
        }
        catalogSources?.change(changed, to: settings)
    }

    // MARK: - Credentials

    /// What credentials are judged by now.
    var authorization: AuthorizationConfiguration {
        AuthorizationConfiguration(live.settings, keys: tokenKeys.current)
    }

    /// The issuer has said something of its keys: who waits for that goes on, with new keys where there are some.
    func issuerAnswered(_ outcome: KeyFetcher.Outcome) {
        if tokenKeys.take(outcome, logger) { authorizeAnew() }
        for worker in workers { worker.send(.issuerAnswered) }
    }

    /// Has the loops judge credentials by what has changed.
    private func authorizeAnew() {
        let authorization = authorization
        for worker in workers { worker.send(.authorize(authorization)) }
    }
}
