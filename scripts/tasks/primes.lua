--- Primes by trial division: work that needs a core and nothing else.
--
-- Slow on purpose. A sieve would be faster, but here the point is a job
-- whose parts are independent and cost what they look like they cost.
--
-- @module tasks.primes
local M = {}

--- Says whether an integer is prime.
-- Divides by 2, by 3, then by the numbers of the form 6k - 1 and 6k + 1 up
-- to the square root.
-- @tparam integer n
-- @treturn boolean
function M.is_prime(n)
  if n < 4 then return n > 1 end
  if n % 2 == 0 or n % 3 == 0 then return false end
  local divisor = 5
  while divisor * divisor <= n do
    if n % divisor == 0 or n % (divisor + 2) == 0 then return false end
    divisor = divisor + 6
  end
  return true
end

--- Counts the primes from lo to hi, both included.
-- @tparam integer lo
-- @tparam integer hi
-- @treturn integer
function M.count(lo, hi)
  local is_prime = M.is_prime
  local count = 0
  for n = lo, hi do
    if is_prime(n) then count = count + 1 end
  end
  return count
end

--- Lists the prime factors of an integer above 1, smallest first.
-- @tparam integer n
-- @treturn {integer,...}
function M.factors(n)
  local found = {}
  local divisor = 2
  while divisor * divisor <= n do
    while n % divisor == 0 do
      found[#found + 1] = divisor
      n = n // divisor
    end
    divisor = divisor + (divisor == 2 and 1 or 2)
  end
  if n > 1 then found[#found + 1] = n end
  return found
end

M._tasks = {
  is_prime = {
    kind = "cpu", about = "is n prime, by trial division",
    args = { "n" }, example = { 112272535095293 },
  },
  count = {
    kind = "cpu", about = "how many primes there are from lo to hi",
    args = { "lo", "hi" }, example = { 1, 20000 },
  },
  factors = {
    kind = "cpu", about = "the prime factors of n",
    args = { "n" }, example = { 600851475143 },
  },
}

return M
