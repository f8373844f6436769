--- HTTP in two halves, so that several requests can be under way.
local socket = require "socket"

local http = {}

--- A port of the loopback that nobody listens at just now.
function http.free_port()
  local listener <close> = setmetatable({ socket.bind("127.0.0.1", 0) },
    { __close = function(self) self[1]:close() end })
  local _, port = listener[1]:getsockname()
  return math.tointeger(tonumber(port))
end

--- Send a GET; nil where nobody listens.
function http.send(port, path)
  local connection = socket.tcp()
  connection:settimeout(100)
  if not connection:connect("127.0.0.1", port) then
    connection:close()
    return nil
  end
  assert(connection:send(("GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n")
    :format(path)))
  return connection
end

--- The answer to what was sent: status and body; nil if none came.
function http.receive(connection)
  local text, why, part = connection:receive("*a")
  connection:close()
  text = text or (why == "closed" and part) or ""
  local status, body = text:match("^HTTP/1%.%d (%d+).-\r\n\r\n(.*)$")
  return math.tointeger(tonumber(status)), body
end

--- Both at once.
function http.get(port, path)
  local connection = http.send(port, path)
  if connection then return http.receive(connection) end
end

return http
