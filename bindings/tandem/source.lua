--- Where the items of a map come from: lists, ranges, iterators.
--
-- A source has `taken`, how many items it gave; `ended`; `total`, if known;
-- `left()`, how many it has yet, if known; `take(n)`, which makes ready up to
-- n items and returns how many; `pack(pool, starmap)`, which encodes these;
-- `close()`; and `rethrow()`, which raises what an iterator raised.
-- @module tandem.source
-- @local
local check = require "tandem.check"
local core = require "tandem.core"
local range = require "tandem.range"

local source = {}

local function nothing() end

--- Shared by list and range: items known by number.
local numbered = {}

function numbered:left()
  return self.total - self.taken
end

function numbered:take(n)
  n = math.min(n, self.total - self.taken)
  self.first, self.count = self.taken + 1, n
  self.taken = self.taken + n
  self.ended = self.taken == self.total
  return n
end

function numbered:close()
  self.ended = true
end

numbered.rethrow = nothing

local list = setmetatable({}, { __index = numbered })
list.__index = list

function list:pack(pool, starmap)
  core.pack_items(pool, self.items, self.first, self.count, self.first,
    starmap)
end

local integers = setmetatable({}, { __index = numbered })
integers.__index = integers

function integers:pack(pool)
  local items = self.items
  core.pack_range(pool, items:at(self.first), items.step, self.count)
end

--- Items that must be asked for one by one: floats of a range, and lists with
-- metamethods of their own.
local indexed = setmetatable({}, { __index = numbered })
indexed.__index = indexed

function indexed:pack(pool, starmap)
  local items, copy = self.items, {}
  for i = 1, self.count do copy[i] = self.at(items, self.first + i - 1) end
  core.pack_items(pool, copy, 1, self.count, self.first, starmap)
end

local stream = {}
stream.__index = stream

-- An input that makes us wait shall not make its first items wait for the
-- whole chunk.
local PATIENCE = 2e-3

stream.left = nothing

--- What lua.c raises after a SIGINT is meant for the whole program.
local function is_interruption(err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

function stream:pull()
  local ok, item = pcall(self.items)
  if not ok and is_interruption(item) then error(item, 0) end
  if not ok then self.raised = { item } end
  if not ok or item == nil then
    self.ended = true
    return nil
  end
  return item
end

function stream:take(n)
  local batch, count, start = {}, 0, core.now()
  while count < n and not self.ended do
    local item = self:pull()
    if item == nil then break end
    count = count + 1
    batch[count] = item
    if core.now() - start > PATIENCE then break end
  end
  self.batch, self.count = batch, count
  self.first = self.taken + 1
  self.taken = self.taken + count
  return count
end

function stream:pack(pool, starmap)
  core.pack_items(pool, self.batch, 1, self.count, self.first, starmap)
end

function stream:close()
  self.ended = true
end

function stream:rethrow()
  if self.raised then error(self.raised[1], 0) end
end

local function numbered_source(class, items, total)
  return setmetatable({ items = items, taken = 0, total = total,
                        ended = total == 0 }, class)
end

local function is_callable(v)
  local mt = getmetatable(v)
  return type(v) == "function" or type(mt) == "table" and mt.__call ~= nil
end

local function at_index(items, i)
  return items[i]
end

--- Makes a source.
-- @tparam integer n which argument the items are
-- @tparam string where of the function that was called
-- @param items a list, an iterator function, a callable, a range
function source.new(n, where, items)
  if range.is(items) then
    if items.is_integer then
      return numbered_source(integers, items, items.n)
    end
    local self = numbered_source(indexed, items, items.n)
    self.at = items.at
    return self
  end
  if is_callable(items) then
    return setmetatable({ items = items, taken = 0, ended = false }, stream)
  end
  if type(items) ~= "table" then
    check.argument(n, where, "items: expected a list, an iterator function or "
      .. "a tandem.range, got " .. type(items))
  end
  if getmetatable(items) == nil then
    return numbered_source(list, items, #items)
  end
  local self = numbered_source(indexed, items, #items)
  self.at = at_index
  return self
end

return source
