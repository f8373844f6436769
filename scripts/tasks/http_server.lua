--- A small HTTP server that answers late: something to wait for.
--
--     local server = http_server.start(tandem.thread_pool(1), 0.02)
--     http.get(server.url .. "page/1")
--     server:stop()
--
-- Needs luasocket (Debian: lua-socket).
--
-- @module tasks.http_server
local late_server = require "tasks.late_server"

local M = {}

local HEAD = table.concat({
  "HTTP/1.1 %s", "Content-Type: %s", "Content-Length: %d",
  "Connection: close", "", "",
}, "\r\n")

-- As many pictures there are; then they begin again.
local PICTURES = 8

local drawn = {}

-- Drawn once: what it takes to draw is not what a picture is fetched for.
local function picture(number)
  number = number % PICTURES
  drawn[number] = drawn[number] or require("tasks.pictures").draw(number, 192)
  return drawn[number].pixels
end

--- The page of a path: the same for the same path, a few kilobytes of text;
-- for "/picture/7" the pixels of a picture.
-- @tparam string path
-- @treturn string
function M.page(path)
  local number = path:match("^/picture/(%d+)$")
  if number then return picture(math.tointeger(number)) end
  local line = ("This is %s, one line of many.\n"):format(path)
  return line:rep(50 + #path)
end

local protocol = { once = true }

function protocol.request(text)
  if text:find("\r\n\r\n", 1, true) then return text, "" end
end

function protocol.answer(server, request)
  local path = request:match("^GET (%S+) HTTP/1%.[01]\r\n")
  if not path then
    return HEAD:format("400 Bad Request", "text/plain", 0)
  end
  if path == "/quit" then server.quit = true end
  local body = M.page(path)
  local kind = path:find("^/picture/") and "application/octet-stream"
    or "text/plain"
  return HEAD:format("200 OK", kind, #body) .. body
end

--- Serves until it is cancelled or asked for `/quit`.
-- @tparam number delay seconds between a request and its answer
-- @tparam[opt] integer report_to a port of 127.0.0.1 that waits to be told
--   the port of this server
function M.serve(delay, report_to)
  late_server.serve(protocol, delay, report_to)
end

--- Starts a server as a task of a pool and waits until it listens.
-- @param pool a pool with a worker to spare
-- @tparam number delay seconds between a request and its answer
-- @treturn table `{ url =, port =, future = }` with a method `stop`; may be
--   a to-be-closed variable
function M.start(pool, delay)
  local server = late_server.start(pool, "tasks.http_server:serve", delay,
                                   "GET /quit HTTP/1.0\r\n\r\n")
  server.url = ("http://127.0.0.1:%d/"):format(server.port)
  return server
end

M._tasks = {
  serve = {
    kind = "io", about = "a local HTTP server that answers with a delay",
    args = { "delay" }, example = { 0.02 },
  },
}

return M
