-- The first steps: a pool, a future, a map.
--
--     tandem run scripts/examples/first.lua
local tandem = require "tandem"

-- Four threads, each with a Lua state of its own, closed at the end.
local pool <close> = tandem.thread_pool(4)

-- A task is a function of a module. `submit` returns at once.
local future = pool:submit("tasks.primes:is_prime", 112272535095293)
print("submitted", future:status())
print("is it prime?", future:result())

-- `map` calls the task for every item and keeps their order.
local numbers = { 91, 97, 99, 101 }
for i, is_prime in pool:map("tasks.primes:is_prime", numbers) do
  print(numbers[i], is_prime and "prime" or "not prime")
end

-- A function that uses no local of its surroundings can be sent as it is.
print("12 squared", pool:call(function(x) return x * x end, 12))
