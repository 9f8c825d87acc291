// How this registry words what is refused where no server is known that could be asked: what evhttp refuses by itself.

package import HTTP
import Serving

package enum RefusalWording {
    /// The fields of every answer.
    package static let standing = Response.standing

    package static func response(to refusal: Refusal) -> Response {
        var response = ErrorFormat.json.response(to: refusal)
        response.identify(RequestID(random: .random(in: 0 ... .max)))
        return response
    }
}
