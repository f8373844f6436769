--- Requests to a key-value server over a socket, and waits for the answers.
--
-- Speaks as much of Redis's protocol as store_server.lua understands, so it
-- can ask a real Redis as well. Each worker keeps its connection from one task
-- to the next.
--
-- Needs luasocket (Debian: lua-socket).
--
-- @module tasks.store
local socket = require "socket"

local M = {}

-- The longest silence of a server, in seconds, before a request fails.
local TIMEOUT = 10

-- This worker's connections by port.
local connections = {}

local function connect(port)
  local connection = assert(socket.connect("127.0.0.1", port))
  connection:settimeout(TIMEOUT)
  connection:setoption("tcp-nodelay", true)
  return connection
end

local function read_answer(connection)
  local line = assert(connection:receive("*l"))
  local sign, rest = line:sub(1, 1), line:sub(2)
  if sign == "-" then error(rest, 0) end
  if sign == ":" then return math.tointeger(rest) end
  if sign ~= "$" then return rest end
  if rest == "-1" then return nil end
  local value = assert(connection:receive(tonumber(rest)))
  assert(connection:receive(2))
  return value
end

local function ask(port, request)
  connections[port] = connections[port] or connect(port)
  assert(connections[port]:send(request .. "\r\n"))
  return read_answer(connections[port])
end

--- Sends a request and returns the answer.
-- @tparam integer port of 127.0.0.1
-- @tparam string request a line, such as "GET key"
-- @return a string or an integer, nil for a key that has no value
-- @raise what the server or the network said
function M.request(port, request)
  local outcome = table.pack(pcall(ask, port, request))
  if outcome[1] then return outcome[2] end
  -- After an error nobody knows what answers are still on their way.
  if connections[port] then connections[port]:close() end
  connections[port] = nil
  error(outcome[2], 0)
end

--- Sets a key, and gets it back: two requests, one after the other.
-- @tparam integer port of 127.0.0.1
-- @tparam string key
-- @param value a string without blanks, or a number
-- @treturn string the value
function M.set_and_get(port, key, value)
  M.request(port, ("SET %s %s"):format(key, value))
  return M.request(port, "GET " .. key)
end

M._tasks = {
  request = {
    kind = "io", about = "a request to a key-value server, and its answer",
    args = { "port", "request" }, example = { 6379, "PING" },
  },
  set_and_get = {
    kind = "io", about = "sets a key and gets it back",
    args = { "port", "key", "value" }, example = { 6379, "key", 1 },
  },
}

return M
