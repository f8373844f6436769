-- Map and reduce: many items, one answer.
--
--     tandem run scripts/examples/map_reduce.lua
local tandem = require "tandem"

local pool <close> = tandem.thread_pool()

-- `reduce` maps and folds inside the workers; only partial sums come back.
local function square(x) return x * x end
local function add(a, b) return a + b end

local squares = pool:reduce(square, add, tandem.range(1, 100000))
print("sum of the squares up to 100000", squares)
assert(squares == 100000 * 100001 * 200001 // 6)

-- `starmap` takes a list of arguments for each item.
local decades = {}
for i = 1, 10 do decades[i] = { 10000 * (i - 1), 10000 * i - 1 } end
local longest = 0
local counts = pool:starmap("tasks.primes:count", decades):collect()
for _, count in ipairs(counts) do longest = math.max(longest, count) end
for i, count in ipairs(counts) do
  print(("primes from %6d: %5d %s"):format(decades[i][1], count,
        ("#"):rep(40 * count // longest)))
end

-- Input is taken as it is needed, so it need not have an end.
local function naturals()
  local n = 1000000
  return function()
    n = n + 1
    return n
  end
end
for i, is_prime in pool:map("tasks.primes:is_prime", naturals()) do
  if is_prime then
    print("the first prime above a million is", 1000000 + i)
    break
  end
end
