// What may not be done from within evhttp's or libevent's own code, which goes on with the connection afterwards, is done in a turn of its own.

import CLibevent

extension Connection {
    /// Does something in a turn of the loop of its own, before anything more is read.
    func later(_ action: @escaping (Connection) -> Void) {
        let context = Unmanaged.passRetained(Turn(self, action)).toOpaque()
        event_base_once(
            bufferevent_get_base(bufferevent), -1, Int16(EV_TIMEOUT),
            { _, _, context in
                guard let context else { return }
                let turn = Unmanaged<Turn>.fromOpaque(context).takeRetainedValue()
                if let connection = turn.connection, connection.isOpen { turn.action(connection) }
            }, context, nil)
    }

    /// What is to be done in the next turn, if the connection still exists then.
    private final class Turn {
        weak var connection: Connection?
        let action: (Connection) -> Void

        init(_ connection: Connection, _ action: @escaping (Connection) -> Void) {
            self.connection = connection
            self.action = action
        }
    }
}
