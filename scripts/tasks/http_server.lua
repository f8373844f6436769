--- A small HTTP server that answers late: something to wait for.
--
-- It serves many connections at once from one loop around `socket.select`,
-- listens on 127.0.0.1 only, and takes a port that is free. It is itself a
-- task: give it a thread of its own.
--
--     local server = http_server.start(tandem.thread_pool(1), 0.02)
--     http.get(server.url .. "page/1")
--     server:stop()
--
-- How the port becomes known: `start` listens on a port, `serve` connects
-- there and writes the number of its own.
--
-- Needs luasocket (Debian: lua-socket).
--
-- @module tasks.http_server
local socket = require "socket"

local M = {}

-- The longest that one turn of the loop waits, in seconds: how soon the
-- server notices that it was cancelled.
local TURN = 0.1

-- How long a starting server may take to say where it listens, in seconds.
local START = 10

-- More than any request line with its headers has here.
local LONGEST_REQUEST = 8192

local HEAD = table.concat({
  "HTTP/1.1 %s", "Content-Type: text/plain", "Content-Length: %d",
  "Connection: close", "", "",
}, "\r\n")

--- The page of a path: the same text for the same path, a few kilobytes.
-- @tparam string path
-- @treturn string
function M.page(path)
  local line = ("This is %s, one line of many.\n"):format(path)
  return line:rep(50 + #path)
end

-- A connection goes through three states: its request is read; it waits
-- until it is due; its answer is written and it is closed.
local function accept(server)
  local client = server.listener:accept()
  if not client then return end
  client:settimeout(0)
  server.connections[client] =
    { request = "", sent = 0 }
end

local function close(server, client)
  server.connections[client] = nil
  client:close()
end

-- Makes the answer to a whole request.
local function answer(server, request)
  local path = request:match("^GET (%S+) HTTP/1%.[01]\r\n")
  if not path then
    return HEAD:format("400 Bad Request", 0)
  end
  if path == "/quit" then server.quit = true end
  local body = M.page(path)
  return HEAD:format("200 OK", #body) .. body
end

-- Reads what has arrived; once the empty line is there, the clock runs.
local function read(server, client, now)
  local connection = server.connections[client]
  local chunk, problem, rest = client:receive(LONGEST_REQUEST)
  connection.request = connection.request .. (chunk or rest or "")
  if connection.request:find("\r\n\r\n", 1, true) then
    connection.answer = answer(server, connection.request)
    connection.due = now + server.delay
  elseif problem == "closed" or #connection.request > LONGEST_REQUEST then
    close(server, client)
  end
end

local function write(server, client)
  local connection = server.connections[client]
  local sent, problem, partly =
    client:send(connection.answer, connection.sent + 1)
  connection.sent = sent or partly or connection.sent
  if connection.sent == #connection.answer
     or (problem and problem ~= "timeout") then
    close(server, client)
  end
end

-- Says whom to listen to and whom to write to, and until when to wait.
local function watch(server, now)
  local readers, writers = { server.listener }, {}
  local pause = TURN
  for client, connection in pairs(server.connections) do
    if not connection.due then
      readers[#readers + 1] = client
    elseif connection.due <= now then
      writers[#writers + 1] = client
    else
      pause = math.min(pause, connection.due - now)
    end
  end
  return readers, writers, pause
end

local function turn(server)
  local readable, writable =
    socket.select(watch(server, socket.gettime()))
  local now = socket.gettime()
  for _, client in ipairs(readable) do
    if client == server.listener then
      accept(server)
    else
      read(server, client, now)
    end
  end
  for _, client in ipairs(writable) do write(server, client) end
end

local function report(port, to)
  local line = assert(socket.connect("127.0.0.1", to))
  assert(line:send(port .. "\n"))
  line:close()
end

-- Whoever connected and never asked must not keep a server from quitting.
local function owes_answer(server)
  for _, connection in pairs(server.connections) do
    if connection.due then return true end
  end
  return false
end

-- Inside tandem a server heeds its cancelling; in plain Lua nobody cancels.
local function cancelled_check()
  local loaded, tandem = pcall(require, "tandem")
  return loaded and tandem.cancelled or function() return false end
end

--- Serves until it is cancelled or asked for `/quit`.
-- @tparam number delay seconds between a request and its answer
-- @tparam[opt] integer report_to a port of 127.0.0.1 that waits to be told
--   the port of this server
function M.serve(delay, report_to)
  local listener = assert(socket.bind("127.0.0.1", 0, 512))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  local server = { listener = listener, delay = delay, connections = {} }
  local cancelled = cancelled_check()
  if report_to then report(port, report_to) end
  while not cancelled() do
    turn(server)
    if server.quit and not owes_answer(server) then break end
  end
  for client in pairs(server.connections) do client:close() end
  listener:close()
end

local Server = {}
Server.__index = Server

--- Asks the server to quit and waits until it has.
function Server:stop()
  local client = socket.connect("127.0.0.1", self.port)
  if client then
    client:send("GET /quit HTTP/1.0\r\n\r\n")
    client:receive("*a")
    client:close()
  end
  self.future:wait(START)
end

Server.__close = Server.stop

--- Starts a server as a task of a pool and waits until it listens.
-- @param pool a pool with a worker to spare
-- @tparam number delay seconds between a request and its answer
-- @treturn table `{ url =, port =, future = }` with a method `stop`; may be
--   a to-be-closed variable
function M.start(pool, delay)
  local told = assert(socket.bind("127.0.0.1", 0))
  local _, told_port = told:getsockname()
  told:settimeout(START)
  local future = pool:submit("tasks.http_server:serve", delay, told_port)
  local line, problem = told:accept()
  told:close()
  if not line then
    local why = future:wait(0) and future:error() or problem
    error("the HTTP server did not start: " .. tostring(why), 0)
  end
  line:settimeout(START)
  local port = math.tointeger(tonumber((line:receive("*l"))))
  line:close()
  local url = ("http://127.0.0.1:%d/"):format(port)
  return setmetatable({ url = url, port = port, future = future }, Server)
end

M._tasks = {
  serve = {
    kind = "io", about = "a local HTTP server that answers with a delay",
    args = { "delay" }, example = { 0.02 },
  },
}

return M
