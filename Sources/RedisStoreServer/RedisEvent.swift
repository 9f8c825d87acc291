// What the owner of a connection to Redis is told.

package import RESP
package import RedisStore

/// What happens to one connection. Nothing comes after `closed`, nor after its owner has closed it.
package enum RedisEvent<Tag: Sendable>: Sendable {
    /// The server has been greeted and is as it should be: commands may be sent.
    case ready(ServerFacts)
    /// To the command that was sent with this tag. An error of the server is a reply like others.
    case reply(Tag, RESPValue)
    /// Something was published on the channel.
    case message(channel: [UInt8], [UInt8])
    /// The connection has ended, or never was.
    case closed(RedisEnd<Tag>)
}

/// The end of a connection.
package struct RedisEnd<Tag: Sendable>: Sendable {
    /// For the log, without a full stop.
    package let sentence: String
    /// Whether it stays so until somebody changes a setting: of this process, or of the server.
    package let isRefusal: Bool
    /// What was asked and not answered, in that order.
    package let lost: [(tag: Tag, loss: CommandLoss)]
}
