// The contract for machines, from inside the binary.

import HTTP
import Serving
import Swagger

enum SwaggerPage {
    static func get(_ call: borrowing Call) throws(Refused) -> Response {
        Response(.ok, contentType: .json, body: Swagger.json)
    }
}
