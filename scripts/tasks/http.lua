--- Pages fetched over HTTP: time goes by waiting for the other side.
--
-- Needs luasocket (Debian: lua-socket). Loading it makes the whole process
-- ignore SIGPIPE; that is luasocket's doing, not tandem's.
--
-- @module tasks.http
local http = require "socket.http"

local hash = require "tasks.hash"

local M = {}

-- The longest silence of a server, in seconds, before a fetch fails.
http.TIMEOUT = 10

--- Fetches a page.
-- @tparam string url
-- @treturn string the body
-- @treturn integer the status code
-- @raise the network's message where there was no answer
function M.get(url)
  local body, status = http.request(url)
  if not body then error(("%s: %s"):format(url, status), 0) end
  return body, status
end

--- Fetches a page and tells its size and checksum.
-- @tparam string url
-- @treturn table `{ status =, bytes =, adler32 = }`
-- @raise the network's message where there was no answer
function M.fetch(url)
  local body, status = M.get(url)
  return { status = status, bytes = #body, adler32 = hash.adler32(body) }
end

M._tasks = {
  get = {
    kind = "io", about = "the body of a page, and its status",
    args = { "url" }, example = { "http://127.0.0.1:8080/" },
  },
  fetch = {
    kind = "io", about = "status, size, Adler-32 of a page",
    args = { "url" }, example = { "http://127.0.0.1:8080/" },
  },
}

return M
