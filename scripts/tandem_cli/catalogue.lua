--- The tasks that come with tandem, with arguments and a number of them that
-- show something within a second or so.
--
-- An entry: `name`; `kind`, "io", "cpu" or "mixed"; `about`, a line; `task`,
-- "module:function"; `args(session)`, which returns the arguments of all items
-- as a list, or a function of the item's number; `usage`, the arguments in
-- words; `n`, how many a run has.
--
-- @module tandem_cli.catalogue
local nearest = require "tandem_cli.nearest"

local M = {}

local function constant(...)
  local list = table.pack(...)
  return function() return list end
end

-- Directories that have files to read nearly everywhere; the first counts.
local LIBRARIES = { "/usr/include", "/usr/share/doc", "/etc" }

local MOST_FILES = 400

local function files()
  for _, directory in ipairs(LIBRARIES) do
    local paths = require("tasks.files").list(directory, MOST_FILES)
    if #paths > 0 then
      return function(i) return paths[(i - 1) % #paths + 1] end
    end
  end
  error("no files to read in " .. table.concat(LIBRARIES, ", "), 0)
end

local function pages(session)
  local url = session.servers:get("http_server").url
  return function(i) return ("%spage/%d"):format(url, i) end
end

local function pictures(session)
  local url = session.servers:get("http_server").url
  return function(i) return ("%spicture/%d"):format(url, i), 32 end
end

local function keys(session)
  local port = session.servers:get("store_server").port
  return function(i) return port, "key" .. i, i end
end

M.list = {
  { name = "sleep", kind = "io", n = 200,
    about = "sleeps, 5 ms unless told otherwise, and nothing else",
    task = "tasks.sleep:sleep", args = constant(0.005), usage = "seconds" },
  { name = "files", kind = "io", n = 1000,
    about = "reads and counts files (once cached, that is CPU work)",
    task = "tasks.files:count", args = files, usage = "path" },
  { name = "http", kind = "io", n = 200,
    about = "fetches pages from a local server that answers late",
    task = "tasks.http:fetch", args = pages, usage = "url" },
  { name = "store", kind = "io", n = 200,
    about = "asks a local key-value server, as one asks Redis",
    task = "tasks.store:set_and_get", args = keys,
    usage = "port, key, value" },
  { name = "primes", kind = "cpu", n = 200,
    about = "counts primes between two numbers",
    task = "tasks.primes:count", usage = "low, high",
    args = function()
      return function(i) return i * 10000, i * 10000 + 12000 end
    end },
  { name = "roots", kind = "cpu", n = 200,
    about = "sums square roots, arithmetic and nothing else",
    task = "tasks.roots:sum", args = constant(1, 250000),
    usage = "low, high" },
  { name = "matrix", kind = "cpu", n = 200,
    about = "multiplies two matrices",
    task = "tasks.matrix:trace", usage = "size, seed",
    args = function() return function(i) return 64, i end end },
  { name = "hash", kind = "cpu", n = 200,
    about = "hashes a string over and over",
    task = "tasks.hash:stretch", usage = "text, rounds",
    args = function() return function(i) return "salt" .. i, 5000 end end },
  { name = "blur", kind = "cpu", n = 200,
    about = "draws a picture and blurs it",
    task = "tasks.pictures:draw_blurred", usage = "number, side, radius",
    args = function() return function(i) return i, 72, 5 end end },
  { name = "thumbnail", kind = "mixed", n = 150,
    about = "downloads a picture, then makes it small",
    task = "tasks.pictures:download_thumbnail", args = pictures,
    usage = "url, width" },
  { name = "nothing", kind = "cpu", n = 100000,
    about = "an empty task, to see what tandem itself costs",
    task = "tasks.nothing", args = constant(), usage = "" },
}

--- Finds an entry by its name.
-- @tparam string name
-- @treturn ?table
function M.find(name)
  for _, entry in ipairs(M.list) do
    if entry.name == name then return entry end
  end
end

--- The names of all entries, in their order.
-- @treturn {string,...}
function M.names()
  local names = {}
  for i, entry in ipairs(M.list) do names[i] = entry.name end
  return names
end

--- A hint for a name that is not there.
-- @tparam string name
-- @treturn string
function M.hint(name)
  return nearest.hint(name, M.names())
end

return M
