"""Counts the words of the corpus again and again: strings, dictionaries, sorting, calls, objects."""
import sys


class Tally:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1

    def top(self, count):
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:count]


def is_word(text):
    return text.isalpha() and len(text) > 2


rounds = int(sys.argv[1])
with open("/bench/corpus", encoding="latin-1") as file:
    lines = file.read(120_000).splitlines()
first = None
for _ in range(rounds):
    tally = Tally()
    for line in lines:
        for word in line.split():
            if is_word(word):
                tally.add(word.lower())
    first = first or tally.top(10)
    assert tally.top(10) == first
print(first)
