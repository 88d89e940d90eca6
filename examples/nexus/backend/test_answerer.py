import unittest

from answerer import answer


class AnswererTest(unittest.TestCase):
    def test_the_words_of_a_person_come_back_mirrored(self):
        self.assertEqual(
            answer("I am stuck with my code."),
            "How long have you been stuck with your code?",
        )

    def test_the_first_rule_that_matches_answers(self):
        self.assertEqual(answer("hi, I need help"), "Hello! What are you building today?")

    def test_what_no_rule_knows_is_echoed(self):
        self.assertEqual(answer("Rain {0} today"), "You said: Rain {0} today. Tell me more.")


if __name__ == "__main__":
    unittest.main()
