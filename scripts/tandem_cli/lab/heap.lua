--- A queue that gives its least key first.
--
-- @module tandem_cli.lab.heap
local Heap = {}
Heap.__index = Heap

--- Makes an empty one.
-- @treturn table with the methods `push`, `pop`, and `least`
local function new()
  return setmetatable({ keys = {}, values = {}, n = 0 }, Heap)
end

--- The least key.
-- @treturn ?number nil where it is empty
function Heap:least()
  return self.keys[1]
end

function Heap:swap(i, j)
  local keys, values = self.keys, self.values
  keys[i], keys[j] = keys[j], keys[i]
  values[i], values[j] = values[j], values[i]
end

--- Puts in a value under a key.
-- @tparam number key
-- @param value
function Heap:push(key, value)
  self.n = self.n + 1
  local i, keys = self.n, self.keys
  keys[i], self.values[i] = key, value
  while i > 1 and keys[i] < keys[i // 2] do
    self:swap(i, i // 2)
    i = i // 2
  end
end

function Heap:sink(i)
  local keys = self.keys
  while 2 * i <= self.n do
    local child = 2 * i
    if child < self.n and keys[child + 1] < keys[child] then
      child = child + 1
    end
    if keys[i] <= keys[child] then return end
    self:swap(i, child)
    i = child
  end
end

--- Takes out the value with the least key.
-- @return the value
function Heap:pop()
  local value, n = self.values[1], self.n
  self:swap(1, n)
  self.keys[n], self.values[n] = nil, nil
  self.n = n - 1
  self:sink(1)
  return value
end

return { new = new }
