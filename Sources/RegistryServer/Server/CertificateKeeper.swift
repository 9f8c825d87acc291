// Keeps what the TLS port serves with fresh: builds and checks a new context from its files when the reloader says that
// they have changed, and only then puts it into service. If anything is wrong with the new files, the old context goes
// on serving, and the log says so once.

import Logging
import TLS

/// Owns the TLS context of all loops. Belongs to the control loop.
final class CertificateKeeper {
    let contexts: TLSContextBox
    let health: TLSHealth
    private let configuration: TLSConfiguration
    private let ticketKeys: TicketKeys
    /// Of the files as they were before they were read last.
    private(set) var watch: FileWatch

    /// Loads the files for the first time. `now` is in seconds since 1970, `monotonic` in seconds of a steady clock.
    init(_ configuration: TLSConfiguration, now: Int64, monotonic: Int64) throws(TLSError) {
        self.configuration = configuration
        watch = FileWatch(configuration.paths)
        ticketKeys = TicketKeys(now: monotonic)
        let context = try TLSContext(configuration, ticketKeys: ticketKeys, now: now)
        contexts = TLSContextBox(context)
        health = TLSHealth(certificateExpiry: context.certificateExpiry)
    }

    /// Session tickets are sealed with another key from time to time. To be called every few seconds.
    func rotateTicketKeys(monotonic: Int64) { ticketKeys.rotate(now: monotonic) }

    /// Reads the files again and serves new connections with them, if they are valid.
    func reload(now: Int64, _ logger: Logger) {
        watch = FileWatch(configuration.paths)
        do throws(TLSError) {
            let context = try TLSContext(configuration, ticketKeys: ticketKeys, now: now)
            contexts.replace(by: context)
            health.reloaded(certificateExpiry: context.certificateExpiry)
            logger.info(
                "certificates reloaded", metadata: ["days_left": "\((context.certificateExpiry - now) / 86_400)"])
        } catch {
            health.reloadFailed()
            logger.error(
                "the new certificates cannot be used; the old ones stay in service", metadata: ["error": "\(error)"])
        }
    }
}
